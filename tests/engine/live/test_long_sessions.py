"""Long sessions: ten simulated days do not grow, and ten kills lose nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.halt.status import SessionStatus, read_sessions
from tests.command import ROOT, qe
from tests.engine.live.test_node import fills

QUICKSTART = "configs/backtest/quickstart.yaml"
UNSLIPPED = ("--set", "slippage.model=none")
NODE = pytest.param(
    "node", marks=pytest.mark.skipif(faked_clock.library() is None, reason="no faketime")
)
HOUR = timedelta(hours=1)


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start `qe paper` on the quickstart; its lines go to no terminal."""
    command = [sys.executable, "-m", "qe_plugins.cli", "paper", QUICKSTART, *map(str, arguments)]
    return subprocess.Popen(
        [*command, "--replay", "config", *UNSLIPPED],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def statuses(session: subprocess.Popen[str]) -> Iterator[SessionStatus]:
    """Yield the status of a session, again and again while it runs."""
    while session.poll() is None:
        yield from (one.status for one in read_sessions()[0] if one.status.pid == session.pid)
        time.sleep(0.05)


def resident(pid: int) -> int:
    """Return a process's resident memory in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("engine", ["stream", NODE])
def test_ten_days_take_no_more_memory_than_an_hour(engine: str) -> None:
    session = start("--engine", engine, "--speed", 7200, "--set", "data.synthetic.sessions=10")
    first = last = 0
    began = None
    for status in statuses(session):
        began = began or status.engine_time
        if status.engine_time - began <= HOUR or not first:
            first = resident(session.pid)
        last = resident(session.pid)
    assert session.wait() == 0
    print(f"{engine}: {first * 4096 / 2**20:.0f} MiB, at the end {last * 4096 / 2**20:.0f} MiB")
    assert last <= 1.2 * first
    assert qe("journal", "verify").returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("engine", ["stream", NODE])
def test_ten_kills_lose_nothing_and_send_nothing_twice(engine: str, tmp_path: Path) -> None:
    few = ("--set", "data.synthetic.sessions=3")
    backtest = fills("backtest", QUICKSTART, *UNSLIPPED, *few)
    options = ("--engine", engine, "--speed", 15_000, *few, "--out", tmp_path / "run", "--json")
    resume: tuple[str, ...] = ()
    for _ in range(10):
        session = start(*options, *resume)
        seen = statuses(session)
        next(seen)
        time.sleep(random.uniform(0, 2))
        session.send_signal(signal.SIGKILL)
        session.wait()
        resume = ("--resume", "last")
    session = start(*options, *resume)
    printed, _ = session.communicate()
    assert session.returncode == 0
    assert json.loads(printed)["fills"] == len(backtest)
    assert qe("journal", "verify").returncode == 0
