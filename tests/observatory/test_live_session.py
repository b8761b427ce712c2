"""The strip against a live session on a simulated TWS: each state within two seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.halt.latch import PERSON, HaltLatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config
from tests.observatory.conftest import Client, serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
]
WITHIN = 2.0


def strip(client: Client) -> str:
    """Return the strip's words as the page has them."""
    html = client.get("/").text.partition('id="strip"')[2].partition("strip-acts")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def said(client: Client, began: float, right: Callable[[str], bool]) -> float:
    """Return the seconds from `began` until the strip is right."""
    while not right(text := strip(client)):
        assert time.monotonic() - began < 20, text
    return time.monotonic() - began


def test_the_strip_says_each_state_of_a_live_session(tmp_path: Path) -> None:
    clock, took = AheadClock(), {}
    with (
        SimulatedTws(clock=clock) as tws,
        LiveProcess(write_config(tmp_path, tws.port), clock) as live,
        serving(live.home) as client,
    ):
        client.enter()
        live.wait("ready")
        took["start"] = said(client, time.monotonic(), lambda text: "FLAT" in text)

        live.do("enter")
        live.wait("accepted", type="LIMIT")
        began = time.monotonic()
        took["fill"] = said(client, began, lambda text: "LONG 1 MESZ6" in text)
        took["stop"] = said(client, began, lambda text: "from 6,500.25, stop 6,495.25" in text)

        tws.control.move(6494.75)
        live.wait("filled", type="STOP_MARKET")
        took["stop-out"] = said(client, time.monotonic(), lambda text: "FLAT" in text)

        HaltLatch(live.home / "halt.json").set("a test", PERSON)
        took["halt"] = said(client, time.monotonic(), lambda text: "HALTED" in text)
        HaltLatch(live.home / "halt.json").clear()

        tws.control.log_out()
        took["gateway gone"] = said(client, time.monotonic(), lambda text: "No new risk" in text)
        tws.control.log_in()
        said(client, time.monotonic(), lambda text: "No new risk" not in text)

        os.kill(live.process.pid, signal.SIGSTOP)
        took["hung"] = said(client, time.monotonic(), lambda text: "NODE SILENT" in text)
        os.kill(live.process.pid, signal.SIGCONT)
        said(client, time.monotonic(), lambda text: "FLAT" in text)

        live.kill()
        live.process.wait()
        took["killed"] = said(client, time.monotonic(), lambda text: "NODE DIED" in text)
    print({name: round(seconds, 2) for name, seconds in took.items()})
    hung = took.pop("hung")

    assert {name: one for name, one in took.items() if one > WITHIN} == {}
    assert hung < 7.0  # five seconds of silence are what makes a node silent


def test_flatten_with_the_node_hung_says_what_happened(tmp_path: Path) -> None:
    clock = AheadClock()
    with (
        SimulatedTws(clock=clock) as tws,
        LiveProcess(file := write_config(tmp_path, tws.port), clock) as live,
        serving(live.home) as client,
    ):
        client.enter()
        live.wait("ready")
        watcher = subprocess.Popen(
            [sys.executable, "-m", "qe_plugins.cli", "watch", str(file)],
            env=os.environ | {"QE_HOME": str(live.home), "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            live.do("enter")
            live.wait("accepted", type="LIMIT")
            live.until(lambda: list((live.home / "watch").glob("*.json")))
            said(client, time.monotonic(), lambda text: "LONG 1 MESZ6" in text)
            os.kill(live.process.pid, signal.SIGSTOP)
            fields = client.fields("/flatten")
            wrong = client.post("/flatten", {**fields, "contract": "MES"})
            sent = client.post("/flatten", {**fields, "contract": "MESZ6.XCME"})
            told = client.get(sent.headers["location"]).text
        finally:
            watcher.terminate()
            watcher.wait(30)

        assert wrong.status == 404
        assert "<h1 hx-ignore>Flat</h1>" in told, told
        assert "flat, verified 2x, in" in told
        assert tws.control.net() == 0
        assert tws.control.open_orders() == []
        with Journal.open(f"sqlite:///{live.home}/journal.sqlite") as journal:
            facts = journal.page(kinds=[FactKind.FLATTEN])
        assert [one.fact.body["is_flat"] for one in facts] == [True]
