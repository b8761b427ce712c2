"""The journal's facts of a finished run, each with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar

from qe_plugins.engine.recording.fact_forms import (
    fill_fact,
    final_state,
    order_fact,
    signal_fact,
    snapshot,
    trade_fact,
)
from qe_plugins.engine.recording.recorder import Recorder, cause_of
from qe_plugins.engine.risk.liquidation import FORCED_CLOSE_TAGS
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Proposal, Review, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.recording.observers import ObserverAnswer


def order_facts(
    orders: Iterable[Any], recorder: Recorder, closings: Mapping[str, str]
) -> Iterator[Fact]:
    """Yield one fact an order, and of the bar that caused it.

    The cause is the signal with which the order or its parent is tagged, else the event that its
    strategy was handling. `closings` has the ids of the facts that caused orders of no strategy.
    """
    orders = list(orders)
    known = {order.client_order_id: order for order in orders}
    ids = {f"order:{recorder.order_id(order)}" for order in orders}
    for order in orders:
        event = recorder.sent_on.get(order.client_order_id)
        if isinstance(event, Bar):
            yield snapshot(event)
        signal = recorder.tagged(order) or recorder.tagged(known.get(order.parent_order_id))
        cause = signal or cause_of(event)
        if cause is not None and cause.startswith("order:") and cause not in ids:
            cause = None  # of an order that the engine sent, such as at expiry
        cause = cause or closings.get(recorder.order_id(order))
        yield order_fact(order, recorder.order_id(order), cause, final_state(order))


def signal_facts(recorder: Recorder) -> Iterator[Fact]:
    """Yield the votes, each caused by its bar, and the signals, each caused by its first vote."""
    for bar, votes in recorder.votes:
        yield snapshot(bar)
        yield from recorder.vote_facts(bar, votes)
    for name, votes in recorder.consolidated.items():
        extra = {"votes": [vote.id for vote in votes]}
        yield signal_fact(recorder.signals[name], FactKind.SIGNAL, votes[0].id, extra)


def forced_close_orders(orders: Iterable[Any], recorder: Recorder) -> dict[str, str]:
    """Return the ids of the facts of forced closes by the ids of their orders."""
    known = {
        (fact.body["strategy"], fact.body["instrument_id"], fact.ts_event): fact.id
        for fact in recorder.facts
        if fact.kind is FactKind.CLOSING and "instrument_id" in fact.body
    }
    found: dict[str, str] = {}
    for order in orders if known else ():
        key = (order.strategy_id.value, str(order.instrument_id), order.ts_init)
        if key in known and FORCED_CLOSE_TAGS.intersection(order.tags or ()):
            found[recorder.order_id(order)] = known[key]
    return found


def fill_facts(fills: Iterable[Fill]) -> Iterator[Fact]:
    """Yield one fact a fill, caused by its order."""
    return map(fill_fact, fills)


def trade_facts(trades: Iterable[Trade], closing: Mapping[str, str]) -> Iterator[Fact]:
    """Yield one fact a trade, caused by its closing fill; `closing` has that fill's trade id."""
    for trade in trades:
        yield trade_fact(trade, closing[trade.id])


def observer_facts(answers: Iterable[ObserverAnswer]) -> list[Fact]:
    """Return the observers' reviews and proposals as facts."""
    recorder = Recorder(label="after-")
    for _, ts, answer in answers:
        if isinstance(answer.value, Review):
            recorder.review(answer.plugin, answer.value, ts)
        elif isinstance(answer.value, Proposal):
            recorder.proposal(answer.plugin, answer.value, ts)
    return recorder.facts
