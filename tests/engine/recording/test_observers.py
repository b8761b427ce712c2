"""Observers can be slow, wrong or failing without an effect on a fill."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from qe_plugins import OrderRequest, Plugin, Proposal, Review, Trade, Veto, hookimpl
from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins import PluginManager

Run = Callable[..., BacktestResult]


class Slow(Plugin):
    """Is slow with every trade."""

    @hookimpl
    def trade_closed(self, trade: Trade) -> Review:
        threading.Event().wait(0.05)
        return Review(trade_id=trade.id, summary="at last")


class Raising(Plugin):
    @hookimpl
    def trade_closed(self, trade: Trade) -> Review:
        raise LookupError("no such trade")

    @hookimpl
    def session_closed(self, session: str) -> Proposal:
        raise LookupError("no such session")


class Muddled(Plugin):
    """Returns an answer that is no review."""

    @hookimpl
    def trade_closed(self, trade: Trade) -> Any:
        return "a fine trade"


class Never(Plugin):
    @hookimpl
    def veto_order(self, order: OrderRequest) -> Veto:
        return Veto("never")

    @hookimpl
    def order_denied(self, order: OrderRequest) -> None:
        raise LookupError("no such order")


class Thread(Plugin):
    """Stores the thread on which it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    @hookimpl
    def trade_closed(self, trade: Trade) -> None:
        self.names.add(threading.current_thread().name)


def failures(outcome: BacktestResult) -> list[tuple[str, str, str]]:
    found = [fact for fact in outcome.facts if fact.kind is FactKind.FAILURE]
    return [(f.source, f.body["hook"], f.body["error"]) for f in found]


@pytest.mark.parametrize("observer", [Slow, Raising, Muddled])
def test_an_observer_changes_no_fill(settings: Callable[..., Loaded], observer: type) -> None:
    loaded = settings("BuysThenSells")
    alone, watched = (
        run(loaded, plugins=PluginManager(who)) for who in ([], [("watcher", observer())])
    )
    assert len(watched.fills) == 2
    assert watched.fills_sha256 == alone.fills_sha256


def test_a_slow_observer_is_waited_for_at_the_end(trade: Run) -> None:
    outcome = trade("BuysThenSells", Slow())
    [review] = [fact for fact in outcome.facts if fact.kind is FactKind.REVIEW]
    assert review.body["summary"] == "at last"


def test_an_observer_that_raises_is_journaled_and_the_next_one_is_called(trade: Run) -> None:
    outcome = trade("BuysThenSells", Raising(), Slow())
    assert failures(outcome) == [
        ("Raising", "trade_closed", "LookupError: no such trade"),
        ("Raising", "session_closed", "LookupError: no such session"),
    ]
    assert [fact.source for fact in outcome.facts if fact.kind is FactKind.REVIEW] == ["Slow"]


def test_an_answer_that_is_no_review_is_a_failure(trade: Run) -> None:
    [(plugin, hook, error)] = failures(trade("BuysThenSells", Muddled()))
    assert (plugin, hook) == ("Muddled", "trade_closed")
    assert "must return Review or None, was 'a fine trade'" in error


def test_an_observer_of_denials_that_raises_leaves_the_denial_as_it_is(trade: Run) -> None:
    outcome = trade("BuysAtMarket", Never())
    assert outcome.orders["status"].to_list() == ["DENIED"]
    assert failures(outcome) == [("Never", "order_denied", "LookupError: no such order")]


def test_observers_are_called_on_a_thread_of_their_own(trade: Run) -> None:
    trade("BuysThenSells", watcher := Thread())
    assert watcher.names == {"qe-observers"}


def test_the_thread_ends_with_the_run(trade: Run) -> None:
    before = set(threading.enumerate())
    trade("BuysThenSells", Slow())
    started = set(threading.enumerate()) - before
    assert "qe-observers" not in {thread.name for thread in started}
