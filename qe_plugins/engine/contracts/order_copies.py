"""Copy an order with other values in some fields, such as another contract."""

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
    """Return a copy of `order` with other values in some fields.

    `kind` is the class of the copy, by default the order's own. The engine's orders are immutable.
    """
    return (kind or type(order)).create(OrderInitialized(**_initial_fields(order) | changes))


def dated(order: Any, contract: InstrumentId) -> Any:
    """Return `order` for a dated contract, under the same client order id."""
    return rebuilt(order, instrument_id=contract)


def moved_exits(
    orders: Sequence[Any],
    contract: InstrumentId,
    prices: tuple[Decimal, Decimal],
    fresh: Callable[[], Any],
    now: int,
) -> list[Any]:
    """Return working exits for the next contract, moved by the difference of `prices`.

    `fresh` returns a new client order id; `now` is UTC nanoseconds. Links between the exits stay.
    """
    ids = {order.client_order_id: fresh() for order in orders}
    return [_moved(order, contract, prices[1] - prices[0], ids, now) for order in orders]


def moved_prices(order: Any, by: Decimal) -> dict[str, Price]:
    """Return the prices of an order by field, moved by a number of points."""
    return {
        name: Price.from_decimal_dp(price.as_decimal() + by, price.precision)
        for name in PRICES
        if (price := getattr(order, name, None)) is not None
    }


def _moved(order: Any, contract: InstrumentId, by: Decimal, ids: dict[Any, Any], now: int) -> Any:
    linked = [ids[other] for other in order.linked_order_ids or () if other in ids]
    fields = {
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
    return rebuilt(order, **fields | moved_prices(order, by))


def _initial_fields(order: Any) -> dict[str, Any]:
    first = order.init_event
    return {name: getattr(first, name) for name in FIELDS}
