"""Work out from the position and the working orders whether an order can only reduce."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ContingencyType, OrderSide, OrderStatus

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import ClientOrderId, InstrumentId, StrategyId

ALTERNATIVES = (ContingencyType.OCO, ContingencyType.OUO)


def position(cache: Cache, instrument_id: InstrumentId, strategy_id: StrategyId) -> Decimal:
    """Return the strategy's net position in contracts, negative when short."""
    net = Decimal(0)
    for held in cache.positions_open(instrument_id=instrument_id, strategy_id=strategy_id):
        size = held.quantity.as_decimal()
        net += size if held.is_long else -size
    return net


def working(
    cache: Cache,
    instrument_id: InstrumentId,
    strategy_id: StrategyId,
    side: OrderSide,
    submitted: Sequence[ClientOrderId] = (),
) -> dict[ClientOrderId, Any]:
    """Return the strategy's orders on `side` that may still fill, by client order id.

    `submitted` is as for `unfinished`.
    """
    if not (submitted or any(count() for count in counts_of_working(cache))):
        return {}
    found = unfinished(cache, submitted, instrument_id=instrument_id, strategy_id=strategy_id)
    mine = (side, instrument_id, strategy_id)
    return {i: o for i, o in found.items() if (o.side, o.instrument_id, o.strategy_id) == mine}


def counts_of_working(cache: Cache) -> tuple[Callable[[], int], ...]:
    """Return how to count the orders of the cache that may still fill, in three parts."""
    return cache.orders_open_count, cache.orders_inflight_count, cache.orders_emulated_count


def unfinished(
    cache: Cache, submitted: Iterable[ClientOrderId] = (), **mine: Any
) -> dict[ClientOrderId, Any]:
    """Return the orders that may still fill, by client order id; `mine` limits the cache's lists.

    `submitted` are orders that left a strategy within the callback now running: the cache does
    not list them as in flight yet. Orders on their way to be cancelled are left out.
    """
    found: dict[ClientOrderId, Any] = {}
    for listing in (cache.orders_open, cache.orders_inflight, cache.orders_emulated):
        found |= {order.client_order_id: order for order in listing(**mine)}
    for client_order_id in submitted:
        sent: Any = cache.order(client_order_id)
        if sent is not None and sent.status == OrderStatus.INITIALIZED:
            found[client_order_id] = sent
    return {i: order for i, order in found.items() if not order.is_pending_cancel}


def at_risk(orders: Iterable[tuple[Any, Decimal]]) -> Decimal:
    """Return how many contracts fill if everything fills, of (order, leaves) pairs.

    Of orders that cancel one another (OCO, OUO) only the largest counts.
    """
    orders = list(orders)
    if len(orders) == 1:
        return max(orders[0][1], Decimal(0))
    groups: dict[frozenset[Any], Decimal] = {}
    for order, leaves in orders:
        group = frozenset({order.client_order_id})
        if order.contingency_type in ALTERNATIVES:
            group |= frozenset(order.linked_order_ids or ())
        groups[group] = max(groups.get(group, Decimal(0)), leaves)
    return sum(groups.values(), Decimal(0))


def only_reduces(held: Decimal, side: OrderSide, contracts: Decimal) -> bool:
    """Say whether `contracts` on `side` bring a position of `held` nearer to flat, never past."""
    closing = OrderSide.SELL if held > 0 else OrderSide.BUY
    return held != 0 and side == closing and contracts <= abs(held)
