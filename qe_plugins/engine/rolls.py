"""What the rolls of a run cost: both legs of each, with price and fee."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from qe_plugins.engine.recorder import Recorder
from qe_plugins.journal.records import Fact, Kind


def rolls_of(recorder: Recorder) -> list[dict[str, Any]]:
    """Return one JSON-safe mapping a roll, oldest first; prices in points, fees in currency."""
    return [_roll(fact, recorder) for fact in recorder.facts if fact.kind is Kind.ROLL]


def _roll(fact: Fact, recorder: Recorder) -> dict[str, Any]:
    body = fact.body
    legs = [_leg(order, recorder) for order in body["orders"]]
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


def _leg(order: str, recorder: Recorder) -> dict[str, Any]:
    fills = [fill for fill in recorder.fills if fill.client_order_id == order]
    size = sum((abs(fill.quantity) for fill in fills), Decimal(0))
    paid = sum((fill.price * abs(fill.quantity) for fill in fills), Decimal(0))
    return {
        "order": order,
        "instrument_id": fills[0].instrument_id if fills else None,
        "side": fills[0].side if fills else None,
        "price": float(paid / size) if size else None,
        "fee": float(sum((fill.commission for fill in fills), Decimal(0))),
    }
