"""A session halts by itself: no entry afterwards, exits pass, and the halt is a fact and a line."""

from __future__ import annotations

import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from qe_plugins.engine.live import session as sessions
from qe_plugins.engine.live.journal_probe import JournalProbe
from qe_plugins.engine.live.session import SessionOptions, run_session
from qe_plugins.engine.live.session_journal import SessionJournal
from qe_plugins.engine.live.stream import StreamVenue
from qe_plugins.engine.live.view import SessionView
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import JournalError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.triggers import StaleData
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.plugins import PluginManager
from qe_plugins.plugins.base import Plugin, hookimpl
from qe_plugins.plugins.types import OrderRequest
from tests.postgres import PostgresServer

FLAT = (4750,) * 14
Usage = namedtuple("Usage", "free")

type Play = Callable[..., BacktestResult]


@pytest.fixture
def play(settings: Callable[..., Any]) -> Play:
    """Return a function that runs a session to its end; `then` is called after its first fill,
    `later` after its second."""

    def run(
        trader: str = "ExitsAndEntersLater",
        closes: tuple[float, ...] = FLAT,
        then: Callable[[], object] = lambda: None,
        later: Callable[[], object] = lambda: None,
        **more: Any,
    ) -> BacktestResult:
        path = {"trader": {"path": f"tests.engine.session_traders:{trader}"}}
        after_fills = [then, later]

        def show(view: SessionView) -> None:
            if after_fills and any(one.kind == "fill" for one in view.new):
                after_fills.pop(0)()

        options = SessionOptions(speed=None, triggers=True)
        loaded = settings(None, closes, strategies=path, **more)
        finished = run_session(loaded, options, show=show)
        finished.close_run()
        return finished.result

    return run


def halts(session: BacktestResult) -> list[tuple[str, str]]:
    """Return source and reason of every halt in the journal."""
    with Journal.open() as journal:
        assert journal.verify() == []
        facts = journal.facts(session.run_id, [FactKind.HALT])
    return [(one.source, str(one.body["reason"])) for one in facts]


def assert_halted(session: BacktestResult, by: str, log: pytest.LogCaptureFixture) -> None:
    """Check that an entry before the halt and an exit after it filled, and nothing else."""
    assert [source for source, _ in halts(session)] == [by]
    assert log.text.count(f"HALTED by trigger {by}: ") == 1
    assert session.fills["side"].to_list() == ["BUY", "SELL"]
    assert session.orders["status"].to_list()[-1] == "DENIED"
    assert session.vetoes["plugin"].to_list() == ["halt"]
    halt = HaltLatch.at_home().read()
    assert halt is not None
    assert (halt.source, halt.later) == (by, [])


def test_nothing_halts_a_calm_session(play: Play) -> None:
    session = play()
    assert halts(session) == []
    assert session.fills["side"].to_list() == ["BUY", "SELL", "BUY"]
    assert HaltLatch.at_home().read() is None


def test_a_loss_on_three_bars_halts(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    session = play(closes=(4750, 4750, *[4715] * 12))
    assert_halted(session, "daily_loss", caplog)


def test_a_loss_on_two_bars_does_not(play: Play) -> None:
    assert halts(play(closes=(4750, 4750, 4715, 4715, *[4750] * 10))) == []


def test_the_daily_loss_is_the_configurations(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    closes = (4750, 4750, *[4745] * 12)
    session = play(closes=closes, halt={"daily_loss": 20, "loss_readings": 2})
    assert_halted(session, "daily_loss", caplog)


def test_a_trigger_that_is_disabled_halts_nothing(play: Play) -> None:
    closes = (4750, 4750, *[4715] * 12)
    assert halts(play(closes=closes, halt={"disabled": ["daily_loss"]})) == []


def test_three_rejected_orders_halt(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    session = play("IsRejected", halt={"rejections_within": "5m"})
    assert_halted(session, "rejected_orders", caplog)


def test_an_expired_posture_halts(play: Play) -> None:
    until = 1_704_294_270_000_000_000  # half a minute after the fourth bar
    session = play(posture={"reason": "quiet", "valid_until": until})
    assert [source for source, _ in halts(session)] == ["expired_posture"]
    assert session.fills["side"].to_list() == ["BUY", "SELL"]


def test_a_feed_that_is_silent_halts(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sessions, "OF_A_FEED", ())
    monkeypatch.setattr(StaleData, "bar", lambda *_: None)
    assert_halted(play(halt={"stale_after": "2m"}), "stale_data", caplog)


def test_a_replay_has_no_bars_that_are_late(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StaleData, "bar", lambda *_: None)
    assert halts(play(halt={"stale_after": "2m"})) == []


def test_a_clock_that_is_off_halts(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    off = threading.Event()
    monkeypatch.setattr(StreamVenue, "skew", lambda _: -1.5 if off.is_set() else 0.0)
    assert_halted(play(then=off.set), "clock_skew", caplog)


def test_a_full_disk_halts(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("qe_plugins.engine.live.halt_watch.DISK_EVERY", 0.0)

    def fill() -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**29))

    assert_halted(play(then=fill), "disk", caplog)


def test_an_append_that_fails_halts_and_its_facts_come_later(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append, failed = SessionJournal.append, threading.Event()

    def once(self: SessionJournal, run_id: str, facts: Any, *, durable: bool = True) -> None:
        if not failed.is_set():
            failed.set()
            raise JournalError("no space left.")
        append(self, run_id, facts, durable=durable)

    def break_it() -> None:
        monkeypatch.setattr(SessionJournal, "append", once)

    assert_halted(play(then=break_it), "journal", caplog)
    assert failed.is_set()


def test_a_journal_that_cannot_be_written_halts_before_there_is_a_fact_to_write(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    probes: list[JournalProbe] = []
    tried = threading.Event()

    def probe(check: Callable[[], None]) -> JournalProbe:
        probes.append(JournalProbe(check, every=0.005))
        return probes[0]

    def refuse(_: SessionJournal) -> None:
        tried.set()
        raise JournalError("read-only.")

    def break_it() -> None:
        monkeypatch.setattr(SessionJournal, "check_writable", refuse)
        probes[0]._check = partial(refuse, None)
        assert tried.wait(60)
        until = time.monotonic() + 60
        while probes[0]._failure is None:
            assert time.monotonic() < until
            time.sleep(0.001)

    monkeypatch.setattr(sessions, "JournalProbe", probe)
    assert_halted(play(then=break_it), "journal", caplog)


class Dozes(Plugin):
    """A guardian that answers nothing until the test ends, once a position is held."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = threading.Event()

    @hookimpl
    def veto_order(self, order: OrderRequest) -> None:
        if order.ts >= 1_704_294_180_000_000_000:  # from the third minute on
            self.awake.wait(20)


def test_a_guardian_that_is_silent_halts(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guardian = Dozes()
    manager = PluginManager([("dozes", guardian)])
    monkeypatch.setattr(sessions, "prepare", partial(prepare, plugins=manager))
    session = play(risk={"veto_timeout": "100ms"})
    guardian.awake.set()
    assert [source for source, _ in halts(session)] == ["hook_timeout"]
    assert caplog.text.count("HALTED by trigger hook_timeout: ") == 1
    assert session.fills["side"].to_list() == ["BUY", "SELL"]


def test_a_server_that_is_killed_halts_and_no_fact_that_was_acted_on_is_lost(
    play: Play, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    monkeypatch.setenv("QE_JOURNAL_URL", postgres_server.url())
    session = play(then=postgres_server.kill, later=postgres_server.start)
    assert session.fills["side"].to_list() == ["BUY", "SELL"]
    assert session.orders["status"].to_list() == ["FILLED", "FILLED", "DENIED"]
    assert {source for source, _ in halts(session)} == {"journal"}
    with Journal.open() as journal:
        orders = [one.id for one in journal.facts(session.run_id, [FactKind.ORDER])]
        bars = journal.facts(session.run_id, [FactKind.SNAPSHOT])
    assert len(orders) == len(set(orders)) == 3
    assert len(bars) == len(FLAT)
