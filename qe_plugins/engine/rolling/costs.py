"""The rolls of a run and their cost: price and fee of both legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from qe_plugins.journal.facts import Fact, FactKind

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.recording.recorder import Recorder


def rolls_of(recorder: Recorder) -> list[dict[str, Any]]:
    """Return one mapping per roll, oldest first, ready for JSON; points and currency."""
    filled: defaultdict[str, list[Fill]] = defaultdict(list)
    for fill in recorder.fills:
        filled[fill.client_order_id].append(fill)
    return [_describe_roll(fact, filled) for fact in recorder.facts if fact.kind is FactKind.ROLL]


def _describe_roll(fact: Fact, filled: Mapping[str, Sequence[Fill]]) -> dict[str, Any]:
    body = fact.body
    legs = [_describe_leg(order, filled.get(order, ())) for order in body["orders"]]
    prices = [float(price) for price in body["prices"]]
    return {
        "at": datetime.fromtimestamp(fact.ts_event // 10**9, UTC).isoformat(),
        "strategy": body["strategy"],
        "before": body["before"],
        "after": body["after"],
        "contracts": float(body["contracts"]),
        "prices": prices,
        "spread": prices[1] - prices[0] if len(prices) == 2 else None,
        "legs": legs,
        "fees": round(sum(leg["fee"] for leg in legs), 6),
        "reason": body["reason"],
        "outcome": body["outcome"],
    }


def _describe_leg(order: str, fills: Sequence[Fill]) -> dict[str, Any]:
    size = sum((abs(fill.quantity) for fill in fills), Decimal(0))
    paid = sum((fill.price * abs(fill.quantity) for fill in fills), Decimal(0))
    return {
        "order": order,
        "instrument_id": fills[0].instrument_id if fills else None,
        "side": fills[0].side if fills else None,
        "price": float(paid / size) if size else None,
        "fee": float(sum((fill.commission for fill in fills), Decimal(0))),
    }
