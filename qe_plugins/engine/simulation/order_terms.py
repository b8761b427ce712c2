"""Change the terms of orders that the engine would reject, ignore or simulate wrongly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model import (
    OrderType,
    Price,
    StopLimitOrder,
    StopMarketOrder,
    TimeInForce,
    TrailingOffsetType,
)

from qe_plugins.engine.contracts.order_copies import rebuilt
from qe_plugins.engine.simulation.fill_attempt import TOUCHED
from qe_plugins.errors import RunError

PLAIN = {
    OrderType.TRAILING_STOP_MARKET: (OrderType.STOP_MARKET, StopMarketOrder),
    OrderType.TRAILING_STOP_LIMIT: (OrderType.STOP_LIMIT, StopLimitOrder),
}
AT_ONCE = frozenset({OrderType.MARKET, OrderType.MARKET_TO_LIMIT})
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
POINT = Decimal(10_000)  # basis points in a whole


def never_rests(order: Any) -> bool:
    """Return whether an order trades when it reaches the exchange, or not at all."""
    return order.order_type in AT_ONCE or order.time_in_force in IMMEDIATE


def acts_at_price(order: Any, price: Decimal | None, *, limits: bool) -> bool:
    """Return whether an order that reaches the exchange would trade or trigger at a price.

    `price` is the market's for the order's side in points, None where none is known. A limit order
    that crosses it counts only where `limits` is true: it may rest at the exchange as well.
    """
    trigger = getattr(order, "trigger_price", None)
    if trigger is None and limits and price is not None:
        limit: Decimal = order.price.as_decimal()
        return price < limit if order.is_buy else price > limit
    return trigger is not None and (price is None or is_beyond(order, trigger, price))


def is_beyond(order: Any, trigger: Price, price: Decimal) -> bool:
    """Return whether a market at `price` (points) has reached an order's trigger."""
    at = trigger.as_decimal()
    rises = order.is_buy != (order.order_type in TOUCHED)
    return price >= at if rises else price <= at


def with_trigger(order: Any, price: Decimal, tick: Price) -> Any:
    """Return a trailing stop with its first trigger at `price`.

    A trailing stop that the market has passed becomes a plain stop, which takes the market: the
    engine would reject it. One with an activation price is unchanged.
    """
    if getattr(order, "activation_price", None) is not None:
        return order
    trigger = order.trigger_price
    if trigger is None:
        offset = _offset_in_points(order, price, tick)
        at = price + offset if order.is_buy else price - offset
        trigger = Price.from_decimal_dp(_on_grid(at, tick, up=order.is_buy), tick.precision)
        return rebuilt(order, trigger_price=trigger)
    if not is_beyond(order, trigger, price):
        return order
    order_type, kind = PLAIN[order.order_type]
    untrailed = {"trailing_offset": None, "trailing_offset_type": None, "limit_offset": None}
    return rebuilt(order, kind, order_type=order_type, trigger_price=trigger, **untrailed)


def rests_for_day(order: Any) -> bool:
    """Return whether an order may rest until its session ends."""
    return bool(order.time_in_force == TimeInForce.DAY and order.order_type != OrderType.MARKET)


def at_quoted_size(order: Any) -> Any:
    """Return an order in an option so that a market order takes what is quoted, and no more.

    The engine never matches the rest of a market order again: it is cancelled. Raises RunError
    for an order that is neither a market nor a limit order, whose rest would be forgotten.
    """
    if order.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        raise RunError(
            f"{order.instrument_id} is an option: it takes market and limit orders, was "
            f"{order.order_type.name}."
        )
    if order.order_type == OrderType.LIMIT or order.time_in_force in IMMEDIATE:
        return order
    return rebuilt(order, time_in_force=TimeInForce.IOC)


def good_till(order: Any, ends: int) -> Any:
    """Return an order as one that is good till `ends` (UTC nanoseconds)."""
    return rebuilt(order, time_in_force=TimeInForce.GTD, expire_time=ends)


def _offset_in_points(order: Any, price: Decimal, tick: Price) -> Decimal:
    offset = Decimal(str(order.trailing_offset))
    if order.trailing_offset_type == TrailingOffsetType.BASIS_POINTS:
        return price * offset / POINT
    if order.trailing_offset_type == TrailingOffsetType.TICKS:
        return offset * tick.as_decimal()
    return offset


def _on_grid(price: Decimal, tick: Price, *, up: bool) -> Decimal:
    """Return `price` on the tick grid, rounded away from the market."""
    step = tick.as_decimal()
    ticks = price / step
    whole = ticks.to_integral_value()
    if whole != ticks:
        whole = ticks.to_integral_value("ROUND_CEILING" if up else "ROUND_FLOOR")
    return whole * step
