"""A session's monitor: the latch is set exactly once, and every halt and resume is a fact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.errors import JournalError, QeError
from qe_plugins.halt.latch import Halt, HaltLatch
from qe_plugins.halt.monitor import HaltMonitor
from qe_plugins.halt.settings import HaltSettings
from qe_plugins.halt.triggers import SECOND, Readings
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import SMALLEST


class Facts:
    """A recorder; with `broken` its journal cannot be written."""

    def __init__(self) -> None:
        self.written: list[tuple[FactKind, int, str, dict[str, Any]]] = []
        self.broken = False

    def numbered(self, kind, ts, source, cause, body):
        if self.broken:
            raise JournalError("database is locked.")
        self.written.append((kind, ts, source, body))
        return f"{kind}:{len(self.written)}"

    @property
    def kinds(self) -> list[FactKind]:
        return [kind for kind, *_ in self.written]


class Session:
    """A monitor with what it writes and calls."""

    def __init__(self, **settings: Any) -> None:
        self.latch, self.facts, self.halts = HaltLatch.at_home(), Facts(), list[Halt]()
        self.monitor = HaltMonitor(
            HaltSettings(**settings),
            self.latch,
            self.facts,
            rung=SMALLEST,
            open_time=lambda root, since, until: until - since,
            on_halt=self.halts.append,
        )
        self.now = 0

    def check(self, **readings: Any) -> Halt | None:
        self.now += SECOND
        return self.monitor.check(Readings(now=self.now, **readings))


@pytest.fixture
def session() -> Session:
    return Session()


LOSS = {"day_pnl": Decimal(-150)}


def test_by_default_a_day_may_lose_three_trades_of_the_rung():
    assert HaltSettings().loss_limit(SMALLEST) == 150
    assert HaltSettings(daily_loss=Decimal(20)).loss_limit(SMALLEST) == 20
    with pytest.raises(ValueError, match="daily_loss must be positive"):
        HaltSettings(daily_loss=Decimal(0))


def test_a_trigger_sets_the_latch_once_with_one_fact_and_one_line(session, caplog):
    for _ in range(10):
        session.check(**LOSS)

    halt = HaltLatch.at_home().read()
    assert halt is not None
    assert (halt.source, halt.later) == ("daily_loss", [])
    assert session.facts.kinds == [FactKind.HALT]
    [(_, ts, source, body)] = session.facts.written
    assert (ts, source, body["by"]) == (3 * SECOND, "daily_loss", "trigger daily_loss")
    assert caplog.text.count("HALTED by trigger daily_loss: ") == 1
    assert len(session.halts) == 1


def test_a_second_trigger_adds_its_reason_and_its_fact_and_cancels_nothing_again(session):
    session.check(skew=2.0)
    session.check(skew=2.0, free_bytes=0)

    halt = session.check(skew=2.0, free_bytes=0)
    assert halt is not None
    assert [halt.source, *(one.source for one in halt.later)] == ["clock_skew", "disk"]
    assert [source for _, _, source, _ in session.facts.written] == ["clock_skew", "disk"]
    assert len(session.halts) == 1


def test_a_halt_by_a_person_is_noticed_recorded_and_cancels_what_waits(session):
    assert session.check() is None
    HaltLatch.at_home().set("news", "person", by="ann")
    session.check()
    session.check()

    assert [(kind, body["by"]) for kind, _, _, body in session.facts.written] == [
        (FactKind.HALT, "ann")
    ]
    assert [one.reason for one in session.halts] == ["news"]


def test_a_resume_is_recorded_with_who_and_why(session):
    HaltLatch.at_home().set("news", "person", by="ann")
    session.check()
    HaltLatch.at_home().clear("the news are out", by="bob")
    session.check()

    assert session.facts.kinds == [FactKind.HALT, FactKind.RESUME]
    assert session.facts.written[1][3] == {"reason": "the news are out", "by": "bob"}


def test_after_a_resume_a_condition_that_lasts_does_not_halt_again_and_a_new_one_does(session):
    session.check(skew=2.0)
    HaltLatch.at_home().clear("known", by="bob")
    assert session.check(skew=2.0) is None
    assert session.check(skew=0.0) is None

    assert session.check(skew=2.0) is not None
    assert session.facts.kinds == [FactKind.HALT, FactKind.RESUME, FactKind.HALT]
    assert len(session.halts) == 2


def test_a_resume_and_a_new_halt_between_two_checks_are_both_noticed(session):
    HaltLatch.at_home().set("first", "person", by="ann")
    session.check()
    HaltLatch.at_home().clear("over", by="bob")
    HaltLatch.at_home().set("second", "person", by="ann")
    session.check()

    assert session.facts.kinds == [FactKind.HALT, FactKind.RESUME, FactKind.HALT]
    assert [one.reason for one in session.halts] == ["first", "second"]


def test_a_session_that_starts_under_a_halt_is_halted(session):
    HaltLatch.at_home().set("news", "person", by="ann")

    assert session.check() is not None
    assert session.facts.kinds == [FactKind.HALT]


def test_the_halt_holds_where_the_journal_does_not(session, caplog):
    session.facts.broken = True
    halt = session.check(journal_error="database is locked")

    assert halt is not None
    assert HaltLatch.at_home().read() is not None
    assert "halt is not in the journal: database is locked." in caplog.text


def test_a_latch_that_cannot_be_written_halts_the_session_and_is_tried_again(
    session, monkeypatch, caplog
):
    written = HaltLatch.set

    def fail(self, reason, source, **more):
        with monkeypatch.context() as inner:
            inner.setattr("qe_plugins.halt.latch._write", _full)
            return written(self, reason, source, **more)

    monkeypatch.setattr(HaltLatch, "set", fail)
    for _ in range(3):
        assert session.check(free_bytes=0) is not None
    assert HaltLatch.at_home().read() is None
    assert caplog.text.count("the halt could not be written") == 1

    monkeypatch.setattr(HaltLatch, "set", written)
    session.check(free_bytes=0)

    halt = HaltLatch.at_home().read()
    assert halt is not None
    assert halt.later == []
    assert session.facts.kinds == [FactKind.HALT]
    assert len(session.halts) == 1


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_is_disabled_does_not_halt():
    session = Session(disabled=["clock_skew", "daily_loss"])

    assert [session.check(skew=9.0, **LOSS) for _ in range(4)] == [None] * 4
    assert "clock_skew" not in session.monitor.readings()


def test_rejections_late_bars_and_silent_hooks_halt(session):
    monitor = session.monitor
    monitor.stale_data.expect("MESH24.XCME", "MES", 60.0, 0)
    for _ in range(3):
        monitor.rejected_orders.rejected(session.now, "no margin")
    monitor.hook_timeout.timed_out("limits", "veto_order", 1.0)
    session.now = 1_000 * SECOND
    for _ in range(3):
        monitor.rejected_orders.rejected(session.now, "no margin")
    halt = session.check()

    assert halt is not None
    assert [halt.source, *(one.source for one in halt.later)] == [
        *("rejected_orders", "stale_data", "hook_timeout")
    ]
    fired = {name for name, reading in monitor.readings().items() if reading.fired}
    assert fired == {"rejected_orders", "stale_data", "hook_timeout"}


def test_an_error_of_what_cancels_orders_is_not_swallowed(session):
    def broken(halt: Halt) -> None:
        raise QeError("cannot cancel.")

    session.monitor._on_halt = broken
    with pytest.raises(QeError, match="cannot cancel"):
        session.check(skew=2.0)
    assert HaltLatch.at_home().read() is not None


STEPS = st.lists(st.sampled_from(["skew", "calm", "disk", "halt", "resume", "check"]), max_size=25)


@given(STEPS)
def test_however_it_comes_the_session_is_halted_exactly_while_the_latch_is_set(steps):
    HaltLatch.at_home().clear()
    session, readings = Session(), dict[str, Any]()
    for step in steps:
        match step:
            case "skew" | "disk":
                readings |= {"skew": 2.0} if step == "skew" else {"free_bytes": 0}
            case "calm":
                readings = {}
            case "halt":
                HaltLatch.at_home().set("news", "person", by="ann")
            case "resume":
                HaltLatch.at_home().clear("over", by="bob")
        halt = session.check(**readings)
        assert halt == HaltLatch.at_home().read()
        halts, resumes = (session.facts.kinds.count(FactKind.HALT), len(session.halts))
        assert halts >= resumes
        ended = session.facts.kinds.count(FactKind.RESUME)
        assert len(session.halts) - ended == (halt is not None)
