"""Put an order on another contract: the same order, made anew."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.core import UUID4
from nautilus_trader.model import InstrumentId, OrderInitialized, Price

FIELDS = list(inspect.signature(OrderInitialized).parameters)
PRICES = ("price", "trigger_price", "activation_price")


def rebuilt(order: Any, kind: Any = None, **changes: Any) -> Any:
    """Return `order` with other values in some fields, as an order of `kind`, by default its own.

    The engine's orders cannot be changed in place.
    """
    return (kind or type(order)).create(OrderInitialized(**_fields(order) | changes))


def dated(order: Any, contract: InstrumentId) -> Any:
    """Return `order`, by its own id, on a dated contract."""
    return rebuilt(order, instrument_id=contract)


def moved_exits(
    orders: Sequence[Any],
    contract: InstrumentId,
    prices: tuple[Decimal, Decimal],
    fresh: Callable[[], Any],
    now: int,
) -> list[Any]:
    """Return working exits on the next contract, moved by the difference of `prices`.

    `fresh` makes client order ids; `now` is UTC nanoseconds. What cancels what stays as it was.
    """
    ids = {order.client_order_id: fresh() for order in orders}
    return [_moved(order, contract, prices[1] - prices[0], ids, now) for order in orders]


def _moved(order: Any, contract: InstrumentId, by: Decimal, ids: dict[Any, Any], now: int) -> Any:
    fields: dict[str, Any] = {}
    linked = [ids[other] for other in order.linked_order_ids or () if other in ids]
    fields |= {
        "instrument_id": contract,
        "client_order_id": ids[order.client_order_id],
        "quantity": order.leaves_qty,
        "event_id": UUID4(),
        "linked_order_ids": linked or None,
        "contingency_type": order.contingency_type if linked else None,
        "parent_order_id": None,
        "order_list_id": None,
        "ts_event": now,
        "ts_init": now,
    }
    for name in PRICES:
        if (price := getattr(order, name, None)) is not None:
            shifted = price.as_decimal() + by
            fields[name] = Price.from_decimal_dp(shifted, price.precision)
    return rebuilt(order, **fields)


def _fields(order: Any) -> dict[str, Any]:
    begun = order.init_event
    return {name: getattr(begun, name) for name in FIELDS}
