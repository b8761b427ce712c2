"""Describe an order once: as the guardians see it, and what the rules look it up in."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model import Bar, OrderSide, OrderType

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.exposure import Present, fillable, leaves_of, only_reduces
from qe_plugins.engine.recorder import decimal, signal_id_of


class OrderDescription(msgspec.Struct, frozen=True):
    """An order that is to be sent, or to grow: `contracts` of it may still fill.

    `present` is what the account holds and works at this moment. `reduces` says that the order can
    only bring its strategy's position nearer to flat.
    """

    request: OrderRequest
    order: Any
    contracts: Decimal
    present: Present
    reduces: bool


def describe_order(
    component: Any,
    order: Any,
    *,
    contracts: Decimal | None = None,
    grows: Decimal | None = None,
    submitted: Iterable[Any] = (),
    sending: Iterable[Any] = (),
    without: tuple[Any, Any] | None = None,
) -> OrderDescription:
    """Describe an order that a component sends.

    `contracts` are asked for in place of the order's leaves, `grows` of them new; `submitted` were
    sent within this callback, `sending` is the list that the order is of; `without` is a strategy
    and a contract whose position is being closed.
    """
    floor, contract, side = component._floor, order.instrument_id, order.side
    present = Present(floor.cache, submitted, sending, without)
    present.orders.pop(order.client_order_id, None)
    leaves = leaves_of(order) if contracts is None else contracts
    held, others = present.held(contract, order.strategy_id), present.of(order)
    same = [(one, leaves_of(one)) for one in others if one.side == side]
    parents = {one.client_order_id: leaves_of(one) for one in others if one.side != side}
    total = fillable([*same, (order, leaves)], parents)
    handling, priced = floor.alarm.handling, order.order_type != OrderType.MARKET
    request = OrderRequest(
        client_order_id=order.client_order_id.value,
        strategy=order.strategy_id.value,
        instrument_id=str(contract),
        side=side.name,
        type=order.order_type.name,
        quantity=leaves,
        price=optional(order, "price") if priced else None,
        trigger=optional(order, "trigger_price") if priced else None,
        stop=stop_of(order, others),
        grows=grows,
        position=held,
        working=abs(held + total if side == OrderSide.BUY else held - total),
        signal_id=signal_id_of(handling),
        ts=handling.ts_init if isinstance(handling, Bar) else component.clock.timestamp_ns(),
        emulated=order.emulation_trigger is not None,
    )
    reduces = only_reduces(held, order, leaves, others)
    return OrderDescription(request, order, leaves, present, reduces)


def stop_of(order: Any, others: Iterable[Any]) -> Decimal | None:
    """Return the trigger of the protective stop that waits for an entry, None without one."""
    for one in others:
        if one.parent_order_id == order.client_order_id and one.side != order.side:
            trigger = optional(one, "trigger_price")
            if trigger is not None:
                return trigger
    return None


def optional(order: Any, name: str) -> Decimal | None:
    """Return a price of an order, or None where its type has no such price."""
    value = getattr(order, name, None)
    return None if value is None else decimal(value)
