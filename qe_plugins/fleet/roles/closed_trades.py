"""Closed trades of a run from the facts of its journal, each with the votes behind its entry."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Side, Signal, Trade

OF_TRADES = (FactKind.TRADE, FactKind.ORDER, FactKind.SIZE, FactKind.SIGNAL, FactKind.VOTE)
"""The kinds that are read: a trade names its orders, an entry its signal, a signal its votes."""


def closed_trades(facts: Sequence[Fact]) -> list[Trade]:
    """Return the trades among a run's facts, in their order; without votes where none led there."""
    by_id = {one.id: one for one in facts}
    return [_trade(one, by_id) for one in facts if one.kind is FactKind.TRADE]


def _trade(fact: Fact, by_id: dict[str, Fact]) -> Trade:
    body = fact.body
    slippage = body.get("slippage")  # null where a fill has no reference price
    return Trade(
        id=fact.id,
        instrument_id=body["instrument_id"],
        strategy=body["strategy"],
        side=Side(body["side"]),
        opened=body["opened"],
        closed=body["closed"],
        currency=body["currency"],
        quantity=Decimal(body["quantity"]),
        entry=Decimal(body["entry"]),
        exit=Decimal(body["exit"]),
        pnl=Decimal(body["pnl"]),
        commissions=Decimal(body["commissions"]),
        slippage=None if slippage is None else Decimal(slippage),
        votes=_votes(fact, by_id),
    )


def _votes(trade: Fact, by_id: dict[str, Fact]) -> tuple[Signal, ...]:
    """Return the votes that the signal of the first order was resolved from."""
    at = next((by_id.get(f"order:{one}") for one in trade.body.get("orders", ())), None)
    while at is not None and at.kind is not FactKind.SIGNAL:
        at = by_id.get(at.cause or "")
    names = at.body.get("votes", ()) if at is not None else ()
    return tuple(_vote(by_id[one]) for one in names if one in by_id)


def _vote(fact: Fact) -> Signal:
    body = fact.body
    return Signal(
        id=fact.id,
        instrument_id=body["instrument_id"],
        side=Side(body["side"]),
        reason=body.get("reason", ""),
        confidence=body.get("confidence", 1.0),
        source=fact.source,
        ts_event=fact.ts_event,
    )
