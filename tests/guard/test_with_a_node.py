"""The guard beside a real node: hung, watched, unwatched, and with the broker's data only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.live import faked_clock
from qe_plugins.guard.watcher import Watcher
from qe_plugins.halt import watcher_heartbeat
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import (
    AheadClock,
    LiveProcess,
    environment,
    types,
    write_config,
)

ACCOUNT = "DU1234567"

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def tws(clock: AheadClock) -> Iterator[SimulatedTws]:
    with SimulatedTws(clock=clock) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("QE_HOME", str(folder))
    monkeypatch.delenv("QE_JOURNAL_URL", raising=False)
    return folder


@pytest.fixture
def watched(home: Path) -> Iterator[list[Watcher]]:
    made: list[Watcher] = []
    yield made
    for one in made:
        one.close()


def flatten(file: Path, *more: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", "flatten", str(file), "--json", *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def test_flatten_with_the_node_hung_through_the_watcher_and_alone(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path, home: Path, watched: list[Watcher]
):
    file = write_config(tmp_path, tws.port)
    with LiveProcess(file, clock, home=home) as live:
        live.wait("ready")
        live.do("enter")
        live.wait("accepted", type="LIMIT")
        assert types(tws.control.open_orders()) == ["LMT", "STP"]
        live.process.send_signal(signal.SIGSTOP)
        watcher = Watcher(load(file), file)
        watched.append(watcher)
        watcher.step()

        through_the_watcher = flatten(file)

        assert (tws.control.net(), tws.control.open_orders()) == (0, [])
        assert through_the_watcher["by"] == "watcher"
        assert through_the_watcher["seconds"] < 2

        tws.control.manual_order("BUY")
        tws.control.manual_order("SELL", kind="STP", price=6400)

        alone = flatten(file, "--alone")

        assert (tws.control.net(), tws.control.open_orders()) == (0, [])
        assert alone["by"] == "alone"
        assert alone["seconds"] < 5


WATCH = """
import sys
from qe_plugins.engine.live import faked_clock
faked_clock.begin()  # it mends time.sleep, which the faked clock breaks
from qe_plugins.cli import main
sys.argv = ["qe", "watch", *sys.argv[1:]]
main()
"""


@contextmanager
def watch(file: Path, clock: AheadClock, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `qe watch` on the node's clock, until the end of the block at the latest."""
    command = [sys.executable, "-c", WATCH, str(file)]
    process = subprocess.Popen(
        command, env=environment(clock, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_watcher_and_fleet_die_in_turn_and_a_position_stays_protected_without_new_risk(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path, home: Path
):
    rung = {"name": "2 MES", "risk": "50 USD", "max_contracts": 2}
    file = write_config(tmp_path, tws.port, watch={"required": True}, rung=rung)
    heartbeat = home / "watch" / f"{ACCOUNT}.beat"

    def beat(age: float) -> None:
        at = clock.now() - age
        os.utime(heartbeat, (at, at))

    def refused(count: int) -> str:
        live.do("enter")
        reason = live.wait("denied", count=count, type="MARKET")["reason"]
        assert tws.control.net() == 1
        assert types(tws.control.open_orders()) == ["LMT", "STP"]
        return str(reason)

    with LiveProcess(file, clock, home=home) as live, watch(file, clock, home) as watcher:
        live.wait("ready")
        live.do("enter")
        live.wait("accepted", type="LIMIT")

        watcher.kill()
        watcher.wait()
        beat(watcher_heartbeat.LATE + 5)
        assert "the watcher is silent" in refused(1)

        beat(-3_600)  # one that does not die before the test ends
        live.do("posture", lasts=0)
        assert "posture expired" in refused(2)
        live.until(lambda: HaltLatch(home / "halt.json").read() is not None, what="halted")
        assert "halt" in refused(3)

        assert flatten(file)["by"] == "alone"  # the socket of the watcher leads nowhere
        assert (tws.control.net(), tws.control.open_orders()) == (0, [])


@pytest.mark.long
def test_a_paper_session_on_the_brokers_data_sends_it_no_order(
    tws: SimulatedTws, clock: AheadClock, tmp_path: Path, home: Path
):
    file = write_config(tmp_path, tws.port)
    with LiveProcess(file, clock, home=home, command="paper") as live:
        live.wait("ready")
        live.do("enter")
        live.wait("filled", type="MARKET")
        live.wait("accepted", type="LIMIT")
        tws.control.move(6494.75)
        live.wait("filled", type="STOP_MARKET")
        figures = live.stop()

    assert figures["mode"] == "paper"
    assert (tws.control.orders(), tws.control.executions()) == ([], [])
