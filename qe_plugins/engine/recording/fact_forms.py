"""The facts of bars, signals, orders, fills and trades: their ids, causes and bodies."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Signal, Trade

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.trades import Fill


def snapshot_id(bar: Bar) -> str:
    """Return the id of the fact of a closed bar."""
    return f"snapshot:{bar.bar_type}@{bar.ts_event}"


def bar_type_of(fact: Fact) -> str:
    """Return the bar type of the fact of a closed bar."""
    return fact.id.partition(":")[2].rpartition("@")[0]


def snapshot(bar: Bar) -> Fact:
    """Return the fact of a closed bar, with the prices that plugins received."""
    body = {n: str(getattr(bar, n)) for n in ("open", "high", "low", "close", "volume")}
    return Fact(
        id=snapshot_id(bar),
        kind=FactKind.SNAPSHOT,
        ts_event=bar.ts_event,
        source=str(bar.bar_type.instrument_id),
        body=body,
    )


def signal_fact(signal: Signal, kind: FactKind, cause: str | None, more: dict[str, Any]) -> Fact:
    """Return the fact of a vote or a signal; `more` is added to its body."""
    body: dict[str, Any] = {
        "instrument_id": signal.instrument_id,
        "side": str(signal.side),
        "confidence": signal.confidence,
        "reason": signal.reason,
        **{n: str(v) for n in ("entry", "stop", "target") if (v := getattr(signal, n))},
        **{n: v for n in ("horizon", "expires") if (v := getattr(signal, n)) is not None},
        **({"facts": signal.facts} if signal.facts else {}),
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


def order_fact(order: Any, name: str, cause: str | None, more: dict[str, Any]) -> Fact:
    """Return the fact of an order, whose id in the run is `name`; `more` is added to its body."""
    body: dict[str, Any] = {
        "instrument_id": str(order.instrument_id),
        "side": order.side.name,
        "type": order.order_type.name,
        "quantity": str(order.quantity),
    }
    for key, attribute in (("price", "price"), ("trigger", "trigger_price")):
        if (value := getattr(order, attribute, None)) is not None:
            body[key] = str(decimal(value))
    return Fact(
        id=f"order:{name}",
        kind=FactKind.ORDER,
        ts_event=order.ts_init,
        source=order.strategy_id.value,
        cause=cause,
        body=body | more,
    )


def order_of(fact: Fact) -> tuple[str, str]:
    """Return the id of the order of a fact, `order:ID#N` or `outcome:ID#N`, and N.

    N numbers changes of an order and later outcomes; it is empty for the first fact.
    """
    name, _, number = fact.id.partition(":")[2].partition("#")
    return name, number


def decimal_or_none(text: str | None) -> Decimal | None:
    """Return a value of a body as a number, None where the body does not have it."""
    return None if text is None else Decimal(text)


def final_state(order: Any) -> dict[str, Any]:
    """Return the status of an order, and the reason where its last event has one."""
    found: dict[str, Any] = {"status": order.status.name}
    if reason := getattr(order.last_event, "reason", None):
        found["reason"] = reason
    return found


def fill_fact(fill: Fill) -> Fact:
    """Return the fact of a fill, caused by its order."""
    body = {
        "client_order_id": fill.client_order_id,
        "instrument_id": fill.instrument_id,
        "side": fill.side,
        "quantity": str(abs(fill.quantity)),
        "price": str(fill.price),
        "commission": str(fill.commission),
        "currency": fill.currency,
    }
    return Fact(
        id=f"fill:{fill.trade_id}",
        kind=FactKind.FILL,
        ts_event=fill.ts,
        source=fill.strategy,
        cause=f"order:{fill.client_order_id}",
        body=body,
    )


def trade_fact(trade: Trade, closing_fill: str) -> Fact:
    """Return the fact of a closed trade, caused by its closing fill (a trade id)."""
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
    return Fact(
        id=f"trade:{trade.id}",
        kind=FactKind.TRADE,
        ts_event=trade.closed,
        source=trade.strategy,
        cause=f"fill:{closing_fill}",
        body=body,
    )


def _text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
