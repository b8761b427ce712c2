"""When a halt is noticed: cancel what could still add risk, and leave what closes positions."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import OrderSide

from qe_plugins.engine.accounting.holdings import net
from qe_plugins.engine.risk.order_request import STOPS, leaves_of, owner_of, unfinished

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext

LOG = logging.getLogger(__name__)


class OrderStates(Protocol):
    """What a session knows of its orders at a broker."""

    def is_unresolved(self, order: Any) -> bool:
        """Return whether an order may have filled at the broker without our book knowing it."""

    def is_exit(self, order: Any) -> bool:
        """Return whether an order was placed to close a position, ours by the book or not yet."""


def cancel_entries(context: RunContext, only: Collection[Any] | None = None) -> list[str]:
    """Cancel the run's orders that could add risk; return their client order ids.

    `only` limits them to some client order ids.

    Orders that wait count too: queued, emulated or on their way. An order against its strategy's
    position stays, since it may be the only stop; one that is larger than the position, and so
    would reverse it, is cancelled only where a stop for the whole position stays. An exit is
    cancelled with its entry where nothing of that has filled; a broker does that by itself, and
    only if it is so: there an exit stays also while our book is flat. An entry whose state at the
    broker is not known stays in `context.unresolved_entries`, for `cancel_resolved`. An order
    of a strategy that the run does not host, such as a manual one, stays and is not returned.
    """
    orders = _unfinished(context)
    positions = context.holdings.positions()
    cancelled: dict[Any, Any] = {}
    at_broker = context.order_states
    context.unresolved_entries.clear()
    for order in orders.values():
        parent = orders.get(order.parent_order_id)
        if parent is not None and not parent.filled_qty.as_decimal():
            continue  # with its parent, below
        if only is not None and order.client_order_id not in only:
            continue
        held = net(one for one in positions if owner_of(one) == owner_of(order))
        if at_broker is not None and not held and at_broker.is_exit(order):
            continue  # the entry may have filled there
        if not _adds_risk(order, held, orders.values()):
            continue
        if at_broker is not None and at_broker.is_unresolved(order):
            context.unresolved_entries.add(order.client_order_id)
        else:
            cancelled[order.client_order_id] = order
    for order in () if at_broker is not None else orders.values():
        if order.parent_order_id in cancelled and order.client_order_id not in cancelled:
            parent = cancelled[order.parent_order_id]
            if not parent.filled_qty.as_decimal():
                cancelled[order.client_order_id] = order
    return [name.value for name, order in cancelled.items() if _cancel(context, order)]


def cancel_resolved(context: RunContext) -> list[str]:
    """Cancel the entries that were spared until the broker's word on them; return their ids."""
    waiting = frozenset(context.unresolved_entries)
    return cancel_entries(context, waiting) if waiting else []


def _unfinished(context: RunContext) -> dict[Any, Any]:
    found = unfinished(context.cache, context.sent_orders.in_flight())
    if context.queue is not None:
        found |= {one.client_order_id: one for one in context.queue.all_waiting()}
    return {name: one for name, one in found.items() if not one.is_closed}


def _adds_risk(order: Any, held: Any, orders: Any) -> bool:
    closes = order.side == (OrderSide.SELL if held > 0 else OrderSide.BUY)
    if not held or not closes:
        return True
    if leaves_of(order) <= abs(held):
        return False
    protected = any(
        one is not order
        and owner_of(one) == owner_of(order)
        and (one.side, one.order_type in STOPS) == (order.side, True)
        and leaves_of(one) == abs(held)
        for one in orders
    )
    if not protected:
        LOG.warning("halt: %s stays, the position has no other stop", order.client_order_id)
    return protected


def _cancel(context: RunContext, order: Any) -> bool:
    """Cancel an order wherever it is; orders that the engine does not have yet are dropped.

    Return False where no strategy of the run can cancel it.
    """
    if context.queue is not None:
        context.queue.discard(order.client_order_id)
    cached = context.cache.order(order.client_order_id)
    if cached is None or cached.is_closed:
        return True
    for trader in context.strategies:
        if trader.strategy_id == order.strategy_id:
            trader.cancel_order(order.client_order_id)
            return True
    name, strategy = order.client_order_id, order.strategy_id
    LOG.warning("halt: %s stays, %s is no strategy of this run", name, strategy)
    return False
