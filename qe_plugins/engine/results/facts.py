"""The journal's facts of a finished run, each with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.recording.recorder import Recorder, cause_of, snapshot, snapshot_id
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Proposal, Review, Signal, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.recording.observers import ObserverAnswer

FORCED_CLOSE_TAGS = frozenset({"EXPIRY", "MARGIN"})
"""Tags of the orders of forced closes."""


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
        yield Fact(
            id=f"order:{recorder.order_id(order)}",
            kind=FactKind.ORDER,
            ts_event=order.ts_init,
            source=order.strategy_id.value,
            cause=cause or closings.get(recorder.order_id(order)),
            body=_order_body(order),
        )


def signal_facts(recorder: Recorder) -> Iterator[Fact]:
    """Yield the votes, each caused by its bar, and the signals, each caused by its first vote."""
    for bar, votes in recorder.votes:
        yield snapshot(bar)
        for vote in votes:
            yield _signal_fact(vote, FactKind.VOTE, snapshot_id(bar), {})
    for name, votes in recorder.consolidated.items():
        extra = {"votes": [vote.id for vote in votes]}
        yield _signal_fact(recorder.signals[name], FactKind.SIGNAL, votes[0].id, extra)


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
    for fill in fills:
        body = {
            "client_order_id": fill.client_order_id,
            "instrument_id": fill.instrument_id,
            "side": fill.side,
            "quantity": str(abs(fill.quantity)),
            "price": str(fill.price),
            "commission": str(fill.commission),
            "currency": fill.currency,
        }
        yield Fact(
            id=f"fill:{fill.trade_id}",
            kind=FactKind.FILL,
            ts_event=fill.ts,
            source=fill.strategy,
            cause=f"order:{fill.client_order_id}",
            body=body,
        )


def trade_facts(trades: Iterable[Trade], closing: Mapping[str, str]) -> Iterator[Fact]:
    """Yield one fact a trade, caused by its closing fill; `closing` has that fill's trade id."""
    for trade in trades:
        body: dict[str, Any] = {
            "instrument_id": trade.instrument_id,
            "strategy": trade.strategy,
            "side": str(trade.side),
            **{n: str(getattr(trade, n)) for n in ("quantity", "entry", "exit")},
            "opened": trade.opened,
            "closed": trade.closed,
            "pnl": str(trade.pnl),
            "commissions": str(trade.commissions),
            "currency": trade.currency,
            "orders": list(trade.orders),
            "slippage": _text_or_none(trade.slippage),
        }
        yield Fact(
            id=f"trade:{trade.id}",
            kind=FactKind.TRADE,
            ts_event=trade.closed,
            source=trade.strategy,
            cause=f"fill:{closing[trade.id]}",
            body=body,
        )


def observer_facts(answers: Iterable[ObserverAnswer]) -> list[Fact]:
    """Return the observers' reviews and proposals as facts."""
    recorder = Recorder(label="after-")
    for _, ts, answer in answers:
        if isinstance(answer.value, Review):
            recorder.review(answer.plugin, answer.value, ts)
        elif isinstance(answer.value, Proposal):
            recorder.proposal(answer.plugin, answer.value, ts)
    return recorder.facts


def _signal_fact(signal: Signal, kind: FactKind, cause: str, more: dict[str, Any]) -> Fact:
    body: dict[str, Any] = {
        "instrument_id": signal.instrument_id,
        "side": str(signal.side),
        "confidence": signal.confidence,
        "reason": signal.reason,
        **{n: str(v) for n in ("entry", "stop", "target") if (v := getattr(signal, n))},
        **more,
    }
    return Fact(
        id=signal.id,
        kind=kind,
        ts_event=signal.ts_event,
        source=signal.source,
        cause=cause,
        body=body,
    )


def _order_body(order: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "instrument_id": str(order.instrument_id),
        "side": order.side.name,
        "type": order.order_type.name,
        "quantity": str(order.quantity),
        "status": order.status.name,
    }
    for name, attribute in (("price", "price"), ("trigger", "trigger_price")):
        if (value := getattr(order, attribute, None)) is not None:
            body[name] = str(decimal(value))
    if reason := getattr(order.last_event, "reason", None):
        body["reason"] = reason
    return body


def _text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
