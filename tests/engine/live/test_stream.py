"""A session on a paced backtest engine fills what the backtest fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins.config.loader import Loaded, load
from qe_plugins.engine.live.pacing import Pace
from qe_plugins.engine.live.session import SessionOptions, Started, run_session
from qe_plugins.engine.live.view import SessionView
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError, StrategyError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.facts import FactKind, RunState
from qe_plugins.journal.store import Journal
from tests.command import ROOT

FAST = SessionOptions(speed=None)
QUICKSTART = ROOT / "configs/backtest/quickstart.yaml"
FEW = ("data.synthetic.sessions=3", "data.synthetic.contracts=1")


def unseen(_view: SessionView) -> None:
    """Show nothing."""


def session_of(loaded: Loaded, show: Callable[[SessionView], None] = unseen) -> BacktestResult:
    """Run a session as fast as it can, close its run, and return its result."""
    finished = run_session(loaded, FAST, show=show)
    finished.close_run()
    return finished.result


def test_the_quickstart_fills_the_same() -> None:
    loaded = load(QUICKSTART, FEW)
    backtest, session = run(loaded), session_of(loaded)
    assert session.fills.height > 0
    assert session.fills_sha256 == backtest.fills_sha256
    assert session.vetoes.height == backtest.vetoes.height
    figures = ["entry", "exit", "opened", "closed", "pnl", "favorable", "adverse", "slippage"]
    assert session.positions.select(figures).equals(backtest.positions.select(figures))
    assert session.final_balance == backtest.final_balance
    ends = ["ts", "side", "type", "quantity", "price", "trigger", "status", "filled", "avg_price"]
    assert session.orders.select(ends).equals(backtest.orders.select(ends))


def test_a_session_records_every_bar_and_verifies() -> None:
    session = session_of(load(QUICKSTART, FEW))
    with Journal.open() as journal:
        bars = journal.facts(session.run_id, [FactKind.SNAPSHOT])
        assert len(bars) == session.data.bars
        assert journal.open_runs() == []
        assert journal.verify() == []


def test_a_session_says_that_it_is_one(settings: Callable[..., Loaded]) -> None:
    session = session_of(settings("Trader"))
    assert session.mode == "paper"
    assert session.assumptions[0].startswith("A paper session")
    assert session.run_id.endswith("-paper")


def test_a_stopped_session_has_a_result_so_far() -> None:
    paces: list[Pace] = []

    def stop_after_the_first_fill(view: SessionView) -> None:
        if any(one.kind == "fill" for one in view.new):
            paces[0].stop()

    def begin(_started: Started, pace: Pace) -> None:
        paces.append(pace)

    loaded = load(QUICKSTART, FEW)
    finished = run_session(loaded, FAST, show=stop_after_the_first_fill, started=begin)
    assert finished.result.fills.height == 1
    assert "stopped before its data ended" in finished.result.assumptions[0]


def test_a_strategy_that_raises_ends_the_session_and_the_journal_says_so(
    settings: Callable[..., Loaded],
) -> None:
    with pytest.raises(StrategyError):
        session_of(settings("BreaksOnBar3"))
    with Journal.open() as journal:
        [row] = journal.runs()
        last = journal.facts(row.run_id)[-1]
        assert last.kind is FactKind.FAILURE
        assert "the session ended" in last.body["reason"]


def test_views_say_what_is_held_and_what_happened() -> None:
    views: list[SessionView] = []
    session_of(load(QUICKSTART, FEW), views.append)
    kinds = {one.kind for view in views for one in view.new}
    assert {"signal", "veto", "fill"} <= kinds
    assert any(view.positions for view in views)
    assert views[-1].last


def test_qe_status_sees_the_session_while_it_runs() -> None:
    seen: list[str] = []

    def look(_view: SessionView) -> None:
        seen.extend(one.status.mode for one in read_sessions()[0])

    session_of(load(QUICKSTART, FEW), look)
    assert "paper" in seen
    assert read_sessions() == ([], [])


def test_a_halted_session_enters_nothing() -> None:
    HaltLatch.at_home().set("a test", "person", by="ann")
    session = session_of(load(QUICKSTART, FEW))
    assert session.fills.height == 0
    assert "halt" in set(session.vetoes["plugin"])


def died(loaded: Loaded, after: int) -> int:
    """Leave a session after so many fills as a killed process does; return its facts."""
    count = 0

    def kill(view: SessionView) -> None:
        nonlocal count
        count += sum(one.kind == "fill" for one in view.new)
        if count >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_session(loaded, FAST, show=kill)
    with Journal.open() as journal:
        [left] = journal.open_runs()
        return left.facts


def continued(loaded: Loaded) -> BacktestResult:
    """Continue the session that died, and return its result."""
    with Journal.open() as journal:
        [left] = journal.open_runs()
        assert left.state is not RunState.UNKNOWN
    finished = run_session(loaded, SessionOptions(speed=None, resume=left), show=unseen)
    finished.close_run()
    return finished.result


@pytest.mark.parametrize("after", [1, 4])
def test_a_session_that_died_is_continued_with_the_same_book(after: int) -> None:
    loaded = load(QUICKSTART, FEW)
    backtest = run(loaded)
    died(loaded, after)
    session = continued(loaded)
    assert session.fills_sha256 == backtest.fills_sha256
    assert session.orders["client_order_id"].is_unique().all()
    with Journal.open() as journal:
        assert journal.verify() == []


def test_after_a_restart_under_a_halt_exits_pass_and_entries_do_not() -> None:
    loaded = load(QUICKSTART, FEW)
    died(loaded, 1)  # an entry has filled, its exits work
    HaltLatch.at_home().set("a test", "person", by="ann")
    session = continued(loaded)
    assert session.fills.height == 2
    assert session.positions["closed"].null_count() == 0
    assert "halt" in set(session.vetoes["plugin"])


def test_a_halt_after_a_restart_is_a_fact_beside_the_halt_before_it() -> None:
    loaded = load(QUICKSTART, FEW)
    latch = HaltLatch.at_home()
    latch.set("the first", "person", by="ann")
    died_at_once(loaded)
    latch.clear("well again", by="ann")
    latch.set("the second", "person", by="ann")
    session = continued(loaded)
    with Journal.open() as journal:
        halts = [one.body["reason"] for one in journal.facts(session.run_id, [FactKind.HALT])]
    assert halts == ["the first", "the second"]


def test_a_session_that_died_under_a_halt_with_two_reasons_is_continued(
    settings: Callable[..., Loaded],
) -> None:
    path = {"trader": {"path": "tests.engine.session_traders:EntersAtEveryBar"}}
    loaded = settings(None, (4750,) * 14, strategies=path)
    latch, kinds = HaltLatch.at_home(), list[str]()

    def halt_twice_and_kill(view: SessionView) -> None:
        kinds.extend(one.kind for one in view.new)
        if kinds.count("fill") == 2 and latch.read() is None:
            latch.set("the first", "person", by="ann")
        if kinds.count("veto") == 2:
            latch.set("the second", "person", by="ann")
        if kinds.count("veto") == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_session(loaded, FAST, show=halt_twice_and_kill)
    with Journal.open() as journal:
        [left] = journal.open_runs()
        recorded = journal.facts(left.run_id, [FactKind.HALT, FactKind.VETO])
    session = continued(loaded)
    assert [str(one.kind) for one in recorded][:2] == ["veto", "halt"]
    assert len({one.body["reason"] for one in recorded if one.kind is FactKind.VETO}) == 2
    assert session.fills.height == 2
    assert session.vetoes.height == 8


def died_at_once(loaded: Loaded) -> None:
    """Leave a session when it has recorded a halt."""

    def kill(view: SessionView) -> None:
        if any(one.kind == "halt" for one in view.new):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_session(loaded, FAST, show=kill)


def test_a_strategy_on_a_root_streams_where_no_node_suits(shared_data: Path) -> None:
    said: list[str] = []
    loaded = load(
        ROOT / "configs/backtest/es_roll_2013.yaml", (f"data.dbn={shared_data / 'es_2013'}",)
    )
    options = SessionOptions(speed=None, engine="node", fall_back=said.append)
    finished = run_session(loaded, options, show=unseen)
    finished.close_run()
    assert said == ["strategies on a root are rolled by the recorded data"]
    assert finished.result.fills.height == 3


def test_a_node_that_was_asked_for_is_refused_where_it_does_not_suit(shared_data: Path) -> None:
    loaded = load(
        ROOT / "configs/backtest/es_roll_2013.yaml", (f"data.dbn={shared_data / 'es_2013'}",)
    )
    with pytest.raises(ConfigError, match="--engine stream"):
        run_session(loaded, SessionOptions(speed=None, engine="node"), show=unseen)
