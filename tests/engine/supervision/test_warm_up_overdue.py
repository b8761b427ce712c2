"""History that is never answered: an alarm, no entry, and no halt for bars nobody asked for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.engine.live.warm_up import SECOND, WarmUp
from qe_plugins.engine.supervision.warm_up_supervisor import WarmUpSupervisor
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config

BARS = "MESZ26.XCME-5-SECOND-LAST-EXTERNAL"


class Session:
    """What the supervisor uses of a session."""

    def __init__(self) -> None:
        self.warm_up, self.on_tick = WarmUp(10), []
        self.alarms: list[tuple[str, str]] = []

    def record(self, kind: FactKind, _source: str, body: dict[str, Any]) -> None:
        assert kind is FactKind.ALARM
        self.alarms.append((body["severity"], body["text"].split(":")[0]))

    def tick(self, second: int) -> None:
        for call in self.on_tick:
            call(second * SECOND)


def test_history_that_is_overdue_is_told_once_and_again_when_it_has_come():
    session, component = Session(), object()
    WarmUpSupervisor(30).start(session)  # type: ignore[arg-type]
    session.warm_up.asked(component, BARS, 0)
    for second in range(31):
        session.tick(second)
    assert session.alarms == []
    for second in range(31, 90):
        session.tick(second)
    session.warm_up.answered(component, BARS)
    for second in range(90, 120):
        session.tick(second)

    assert session.alarms == [
        ("critical", f"no history of {BARS} within 30 s"),
        ("info", f"the history of {BARS} has come"),
    ]


@pytest.mark.long
@pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed")
@pytest.mark.xdist_group("faults")
def test_a_session_without_its_history_enters_nothing_says_so_and_is_not_halted(tmp_path: Path):
    clock = AheadClock()
    with SimulatedTws(clock=clock) as tws:
        tws.control.leave_unanswered("HistoricalDataRequest", 100)
        with LiveProcess(write_config(tmp_path, tws.port), clock) as live:
            [alarm] = live.until(lambda: live.facts(FactKind.ALARM), what="an alarm")
            live.do("enter")
            denied = live.wait("denied", type="MARKET")
            end = time.monotonic() + 30  # as long as bars that are asked for would halt
            live.until(lambda: time.monotonic() > end)

            assert "no history of MESZ6.XCME-5-SECOND-LAST-EXTERNAL" in alarm.body["text"]
            assert "the session is warming up" in denied["reason"]
            assert HaltLatch(live.home / "halt.json").read() is None
            assert tws.control.received("PlaceOrderRequest") == []
