"""A small run of the journal: one traded signal, one refused order, one review."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind

STARTED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
MINUTE = 60_000_000_000
OPEN = 1_704_294_000_000_000_000
BAR_TYPE = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
STRATEGY = "FOLLOWER-001"
MES = {"instrument_id": "MESH24.XCME"}


def fact(
    fact_id: str, cause: str | None = None, minute: int = 0, *, by: str = "", **body: Any
) -> Fact:
    """Make a fact whose kind is the first part of its id; `by` is its source."""
    kind = FactKind(fact_id.partition(":")[0])
    ts = OPEN + minute * MINUTE
    return Fact(
        id=fact_id, kind=kind, ts_event=ts, source=by or f"a {kind}", cause=cause, body=body
    )


def snapshot(minute: int, close: str) -> Fact:
    """Make the fact that a bar closed."""
    ts = OPEN + minute * MINUTE
    return fact(f"snapshot:{BAR_TYPE}@{ts}", minute=minute, close=close, volume="100")


def order(name: str, cause: str, minute: int, side: str, by: str = STRATEGY, **body: Any) -> Fact:
    """Make an order of one contract."""
    body = {"side": side, "quantity": "1", "type": "MARKET", "status": "FILLED", **body}
    return fact(f"order:{name}", cause, minute, by=by, **MES, **body)


def fill(name: str, order_name: str, minute: int, side: str, price: str) -> Fact:
    """Make the fill of an order."""
    body = {"side": side, "quantity": "1", "price": price, "commission": "0.62"}
    order_id = f"order:{order_name}"
    return fact(f"fill:{name}", order_id, minute, by=STRATEGY, currency="USD", **MES, **body)


def trade(name: str, cause: str, minute: int, orders: list[str], pnl: str = "8.76") -> Fact:
    """Make a trade that `cause`, a fill, closed."""
    prices = {"entry": "4750.00", "exit": "4752.00", "pnl": pnl, "commissions": "1.24"}
    body = {"strategy": STRATEGY, "side": "LONG", "quantity": "1", "currency": "USD", **prices}
    times = {"opened": OPEN, "closed": OPEN + minute * MINUTE}
    trade_id = f"trade:{name}"
    return fact(trade_id, cause, minute, by=STRATEGY, orders=orders, **MES, **body, **times)


def small_run() -> list[Fact]:
    """Return a run in which one bar made a trade, a second bar closed it, a third was refused."""
    first, second, third = snapshot(0, "4750.00"), snapshot(30, "4752.00"), snapshot(31, "4753.00")
    wish = {**MES, "side": "LONG", "confidence": 0.75, "reason": "a breakout"}
    return [
        fact("run:small", engine="2.0.0rc7"),
        first,
        fact("vote:1", first.id, **wish),
        fact("signal:1", first.id, votes=["vote:1"], **wish),
        fact("size:1", "signal:1", contracts=1, reason="50 USD at the stop"),
        order("O-1", "signal:1", 0, "BUY"),
        order("O-2", "signal:1", 0, "SELL", type="STOP_MARKET", status="CANCELED"),
        fill("F-1", "O-1", 0, "BUY", "4750.00"),
        second,
        order("O-3", second.id, 30, "SELL"),
        fill("F-2", "O-3", 30, "SELL", "4752.00"),
        trade("MESH24.XCME-follower-1", "fill:F-2", 30, ["O-1", "O-3"]),
        fact(
            "review:analyst_trades:MESH24.XCME-follower-1",
            "trade:MESH24.XCME-follower-1",
            30,
            summary="won 2 points",
            facts={"slippage": 0.25},
        ),
        fact("proposal:1", title="trade less", reason="a losing session", change={"risk": "25"}),
        fact("failure:1", hook="veto_order", error="ZeroDivisionError: division by zero"),
        third,
        order("O-4", third.id, 31, "BUY", status="DENIED", reason="limits: too many"),
        fact(
            "veto:1",
            "order:O-4",
            31,
            plugin="limits",
            reason="too many",
            side="BUY",
            client_order_id="O-4",
            strategy=STRATEGY,
            quantity="1",
            **MES,
        ),
    ]
