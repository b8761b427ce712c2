"""A halt in a session: no order adds risk, and what closes a position passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from nautilus_trader.model import OrderModifyRejected

from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running import assembly, backtest, build
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import FactKind
from tests.engine import halting

Trade = Callable[..., BacktestResult]


@pytest.fixture
def session(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> Trade:
    """Return a function that runs a trader of this module with the latch of a session."""
    with_latch = partial(build.build, latch=HaltLatch.at_home())
    monkeypatch.setattr(backtest, "build", with_latch)

    def run(trader: type, **more: Any) -> BacktestResult:
        path = {"path": f"{halting.__name__}:{trader.__name__}"}
        return trade(None, strategies={"trader": path}, **more)

    return run


def statuses(outcome: BacktestResult) -> list[str]:
    return outcome.orders["status"].to_list()


def test_an_order_that_adds_risk_is_refused_with_the_reason_of_the_halt(session):
    outcome = session(halting.BuysBeforeAndAfterAHalt)

    assert statuses(outcome) == ["FILLED", "DENIED"]
    reason = outcome.orders["reason"][1]
    assert reason.startswith("halt: halted since ")
    assert reason.endswith("by ann: news")
    vetoes = [fact for fact in outcome.facts if fact.kind is FactKind.VETO]
    assert [fact.source for fact in vetoes] == ["halt"]


def test_an_order_that_closes_the_position_passes(session):
    assert statuses(session(halting.ClosesUnderAHalt)) == ["FILLED", "FILLED"]


def test_an_order_that_reverses_the_position_is_refused(session):
    assert statuses(session(halting.ReversesUnderAHalt)) == ["FILLED", "DENIED"]


def test_a_bracket_is_refused_whole(session):
    assert statuses(session(halting.BracketsUnderAHalt)) == ["DENIED"] * 3


def test_a_modification_that_increases_an_order_is_refused_and_one_that_reduces_it_passes(session):
    outcome = session(halting.ModifiesUnderAHalt)

    rejected = [e for e in halting.ModifiesUnderAHalt.heard if isinstance(e, OrderModifyRejected)]
    assert len(rejected) == 1
    assert "halted since" in rejected[0].reason
    assert [float(one) for one in outcome.orders["quantity"]] == [1.0]


def test_a_backtest_does_not_read_the_latch(trade):
    HaltLatch.at_home().set("news", "person")

    assert statuses(trade("BuysAtMarket")) == ["FILLED"]


def test_entries_that_rest_or_are_emulated_are_cancelled(session):
    outcome = session(halting.WorksEntries)

    assert statuses(outcome) == ["CANCELED"] * 3
    assert len(halting.WorksEntries.cancelled) == 3


def test_an_entry_sent_in_the_bar_of_the_halt_is_cancelled(session):
    assert statuses(session(halting.SendsInTheBarOfTheHalt)) == ["CANCELED"]


def test_an_order_that_waits_for_the_next_open_is_cancelled(session):
    outcome = session(halting.QueuesAnEntry, fills={"market": "next_open"})

    assert statuses(outcome) == ["CANCELED"]
    assert outcome.fills.is_empty()


def test_a_stop_stays_and_a_target_that_would_reverse_goes(session):
    outcome = session(halting.ProtectsItself)

    assert statuses(outcome) == ["FILLED", "ACCEPTED", "CANCELED"]


def test_the_only_stop_of_a_position_stays_even_where_it_would_reverse(session):
    assert statuses(session(halting.HasOnlyAStopThatReverses)) == ["FILLED", "ACCEPTED"]


def test_the_exits_of_a_bracket_at_work_stay(session):
    outcome = session(halting.HasABracketAtWork)

    assert statuses(outcome) == ["FILLED", "ACCEPTED", "ACCEPTED"]
    assert halting.HasABracketAtWork.cancelled == []


def test_a_bracket_whose_entry_has_not_filled_is_cancelled_whole(session):
    outcome = session(halting.HasABracketThatWaits)

    assert statuses(outcome) == ["CANCELED"] * 3
    assert outcome.fills.is_empty()


def test_an_entry_in_doubt_is_cancelled_once_its_state_is_known_and_its_exits_are_the_brokers(
    session,
):
    outcome = session(halting.HasABracketInDoubt)

    entry = halting.HasABracketInDoubt.cancelled_later[1]
    assert halting.HasABracketInDoubt.cancelled == []
    assert halting.HasABracketInDoubt.cancelled_later == [[], entry, []]
    assert len(entry) == 1
    assert statuses(outcome)[0] == "CANCELED"


def test_no_risk_is_added_while_a_session_warms_up(trade, monkeypatch):
    def warming(*args: Any, **more: Any) -> Any:
        context = made(*args, **more)
        context.gate.not_ready = lambda: "no history yet of MES"
        return context

    made = assembly.RunContext
    monkeypatch.setattr(assembly, "RunContext", warming)
    outcome = trade("BuysAtMarket")

    assert statuses(outcome) == ["DENIED"]
    assert outcome.orders["reason"].to_list() == ["warm_up: no history yet of MES"]
