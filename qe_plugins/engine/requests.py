"""Describe an order as the guardians see it, and say whether it only reduces."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model import Bar, MarketOrder, OrderSide, OrderType

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.exposure import at_risk, only_reduces, working
from qe_plugins.engine.recorder import decimal, signal_id_of


class Sizes(dict[float, Decimal]):
    """Contracts as decimals, made once each."""

    def __missing__(self, contracts: float) -> Decimal:
        whole = contracts.is_integer()
        exact = self[contracts] = Decimal(int(contracts) if whole else repr(contracts))
        return exact


ZERO = Decimal(0)
SIZES = Sizes({float(n): Decimal(n) for n in range(-100, 101)})


def request_of(
    component: Any,
    order: Any,
    *,
    contracts: Decimal | None = None,
    grows: Decimal | None = None,
    stop: Decimal | None = None,
    submitted: Any = (),
) -> tuple[OrderRequest, bool]:
    """Describe an order, and say whether it only reduces.

    `contracts` are asked for in place of the order's leaves, `grows` of them new; `stop` is the
    trigger of the protective stop that comes with it; `submitted` were sent within this callback.
    """
    floor, instrument_id, strategy_id = component._floor, order.instrument_id, order.strategy_id
    handling, side = floor.alarm.handling, order.side
    holder = floor.house.holder(strategy_id, instrument_id)
    held = ZERO if holder is None else SIZES[holder.net]
    others = working(floor.cache, instrument_id, strategy_id, side, submitted)
    leaves = decimal(order.leaves_qty) if contracts is None else contracts
    total = leaves
    if others:
        others.pop(order.client_order_id, None)
        pairs = [(o, decimal(o.leaves_qty)) for o in others.values()]
        total = at_risk([*pairs, (order, leaves)])
    priced = order.order_type != OrderType.MARKET
    request = OrderRequest(
        client_order_id=order.client_order_id.value,
        strategy=strategy_id.value,
        instrument_id=str(instrument_id),
        side=side.name,
        type=order.order_type.name,
        quantity=leaves,
        price=optional(order, "price") if priced else None,
        trigger=optional(order, "trigger_price") if priced else None,
        stop=stop,
        grows=grows,
        position=held,
        working=abs(held + total if side == OrderSide.BUY else held - total),
        signal_id=signal_id_of(handling),
        ts=handling.ts_init if isinstance(handling, Bar) else component.clock.timestamp_ns(),
        emulated=order.emulation_trigger is not None,
    )
    return request, only_reduces(held, side, total)


def lone_request_of(
    component: Any, order: Any, contract: Any, more: float, ts: int
) -> tuple[OrderRequest, bool]:
    """Describe an order that a strategy sends on a bar while no other order works.

    Says the same as `request_of`, with fewer questions to the engine: `more` are the contracts
    asked for, negative to sell; `ts` is when the bar is heard (UTC ns).
    """
    holder = component._floor.house.holder(order.strategy_id, contract)
    if holder is None or type(order) is not MarketOrder:
        return request_of(component, order)
    held = holder.net
    after = held + more
    request = OrderRequest(
        client_order_id=order.client_order_id.value,
        strategy=holder.strategy,
        instrument_id=holder.contract,
        side="BUY" if more > 0 else "SELL",
        type="MARKET",
        quantity=SIZES[abs(more)],
        position=SIZES[held],
        working=SIZES[abs(after)],
        ts=ts,
    )
    return request, abs(after) < abs(held) and after * held >= 0


def optional(order: Any, name: str) -> Decimal | None:
    """Return a price of an order, or None where its type has no such price."""
    value = getattr(order, name, None)
    return None if value is None else decimal(value)
