"""An order as plain data for rules and guardians, and whether it can only reduce a position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import (
    Bar,
    ContingencyType,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
)

from qe_plugins.engine.accounting.holdings import net
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.recording.recorder import signal_id_of
from qe_plugins.plugins.types import OrderRequest

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import ClientOrderId, InstrumentId, StrategyId

    from qe_plugins.engine.accounting.holdings import Holdings

ZERO = Decimal(0)
ALTERNATIVES = (ContingencyType.OCO, ContingencyType.OUO)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
STOPS = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)

type Leaves = tuple[Any, Decimal]
"""An order, and how many contracts of it may still fill."""


class OrderContext:
    """The positions and the unfinished orders of an account at one moment.

    `submitted` are the ids of orders just sent; `sending` are the orders of the list that is being
    sent, which no cache has yet. `without` is a strategy and a contract to leave out, since their
    position is being closed.
    """

    def __init__(
        self,
        cache: Cache,
        holdings: Holdings,
        submitted: Iterable[Any] = (),
        sending: Iterable[Any] = (),
        without: tuple[Any, Any] | None = None,
    ) -> None:
        self.orders = unfinished(cache, submitted)
        self.orders |= {order.client_order_id: order for order in sending}
        self.positions = holdings.positions()
        if without is not None:
            others = [o for o in self.orders.values() if owner_of(o) != without]
            self.orders = {order.client_order_id: order for order in others}
            self.positions = [one for one in self.positions if owner_of(one) != without]

    def net_position(self, contract: InstrumentId, strategy: StrategyId) -> Decimal:
        """Return a strategy's net position in contracts, negative when short."""
        return net(one for one in self.positions if owner_of(one) == (strategy, contract))

    def others(self, order: Any) -> list[Any]:
        """Return the other orders, without the exits that wait for the order's fill."""
        name = order.client_order_id
        return [
            one
            for one in self.orders.values()
            if one.client_order_id != name and one.parent_order_id != name
        ]

    def same_owner(self, order: Any) -> list[Any]:
        """Return the other orders of the same strategy and contract."""
        owner = owner_of(order)
        return [one for one in self.orders.values() if one is not order and owner_of(one) == owner]


class SentOrders(dict[Any, None]):
    """The client order ids of submitted orders, in order, while the cache may not list them."""

    def __init__(self, cache: Any) -> None:
        super().__init__()
        self._cache = cache

    def in_flight(self) -> list[Any]:
        """Drop the orders that the cache lists by now, and return the ids of the others."""
        if self:
            cached = [(name, self._cache.order(name)) for name in self]
            for name, order in cached:
                if order is None or order.status != OrderStatus.INITIALIZED:
                    del self[name]
        return list(self)


def owner_of(one: Any) -> tuple[Any, Any]:
    """Return the strategy and the contract of an order or a position."""
    """Return the strategy and the contract of an order or a position."""
    return one.strategy_id, one.instrument_id


def unfinished(
    cache: Cache, submitted: Iterable[ClientOrderId] = (), **mine: Any
) -> dict[ClientOrderId, Any]:
    """Return the orders that may still fill, by client order id; `mine` limits the cache's lists.

    `submitted` are orders that left a strategy within the callback now running: the cache does
    not list them as in flight yet. Orders on their way to be cancelled are left out.
    """
    listings = (cache.orders_open, cache.orders_inflight, cache.orders_emulated)
    listed: list[Any] = [order for listing in listings for order in listing(**mine)]
    for client_order_id in submitted:
        sent: Any = cache.order(client_order_id)
        if sent is not None and sent.status == OrderStatus.INITIALIZED:
            listed.append(sent)
    return {order.client_order_id: order for order in listed if not order.is_pending_cancel}


def leaves_of(order: Any) -> Decimal:
    """Return how many contracts of an order may still fill."""
    leaves: Decimal = order.leaves_qty.as_decimal()
    return leaves


def fillable(orders: Sequence[Leaves], parents: Mapping[Any, Decimal]) -> Decimal:
    """Return how many contracts fill on one side if everything there fills.

    `parents` are the contracts left of each order on the other side: an exit that waits for one of
    them to fill only closes the parent's contracts, and counts where it has more of them.
    """
    if not orders:
        return ZERO
    alone: list[Leaves] = []
    waiting: dict[Any, list[Leaves]] = defaultdict(list)
    for order, leaves in orders:
        parent = order.parent_order_id
        if parent is not None and parent in parents:
            waiting[parent].append((order, leaves))
        else:
            alone.append((order, leaves))
    found = at_risk(alone)
    for one, each in waiting.items():
        found += max(at_risk(each) - parents[one], ZERO)
    return found


def at_risk(orders: Iterable[Leaves]) -> Decimal:
    """Return how many contracts fill if all orders fill.

    Of orders that cancel one another (OCO, OUO) only the largest counts.
    """
    orders = list(orders)
    if len(orders) == 1:
        return max(orders[0][1], ZERO)
    groups: dict[frozenset[Any], Decimal] = {}
    for order, leaves in orders:
        group = frozenset({order.client_order_id})
        if order.contingency_type in ALTERNATIVES:
            group |= frozenset(order.linked_order_ids or ())
        groups[group] = max(groups.get(group, ZERO), leaves)
    return sum(groups.values(), ZERO)


def reverses(nets: Mapping[Any, Decimal], order: Any) -> bool:
    """Return whether an order takes a position through flat: that is new risk at any size."""
    net, size = nets.get(order.instrument_id, ZERO), decimal(order.quantity)
    return net * (net + size if order.is_buy else net - size) < 0


def exposures(nets: Mapping[Any, Decimal], orders: Iterable[Leaves]) -> dict[Any, Decimal]:
    """Return the exposure in each instrument, in contracts, of positions and unfinished orders."""
    by_contract: dict[Any, list[Leaves]] = defaultdict(list)
    for order, leaves in orders:
        by_contract[order.instrument_id].append((order, leaves))
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for contract in {*nets, *by_contract}:
        found[contract] = exposure(nets.get(contract, ZERO), by_contract.get(contract, ()))
    return found


def exposure(net: Decimal, orders: Sequence[Leaves]) -> Decimal:
    """Return the exposure in one instrument: the larger of both sides' largest positions."""
    return max(sides(net, orders)) if orders else abs(net)


def sides(net: Decimal, orders: Sequence[Leaves]) -> tuple[Decimal, Decimal]:
    """Return the largest long and the largest short position if all orders of a side fill."""
    buys = [(order, leaves) for order, leaves in orders if order.side == OrderSide.BUY]
    sells = [(order, leaves) for order, leaves in orders if order.side == OrderSide.SELL]
    bought = fillable(buys, {order.client_order_id: leaves for order, leaves in sells})
    sold = fillable(sells, {order.client_order_id: leaves for order, leaves in buys})
    return net + bought, sold - net


def only_reduces(
    net_position: Decimal, order: Any, contracts: Decimal, others: Iterable[Any]
) -> bool:
    """Return whether `contracts` of an order can only bring a position nearer to flat, never past.

    `net_position` is the strategy's, `others` its other unfinished orders in the contract. An order
    that fills at once is compared with the position alone, whatever orders rest. A resting order is
    added to the others that may close the position, and compared with the position and the entries
    that fill before it: its parent, a market order, and for a stop a limit order that the price
    passes first.
    """
    side, others = order.side, list(others)
    closable = net_position if side == OrderSide.SELL else -net_position
    same = [(one, leaves_of(one)) for one in others if one.side == side]
    if fills_at_once(order):
        immediate = [pair for pair in same if fills_at_once(pair[0])]
        if at_risk([*immediate, (order, contracts)]) <= closable:
            return True
    every = [*same, (order, contracts)]
    opposite = [one for one in others if one.side != side]
    opens = {
        one.client_order_id: max(leaves_of(one) - max(-closable, ZERO), ZERO) for one in opposite
    }
    before = [
        (one, max(leaves_of(one) - at_risk(_attached_to(one, every)), ZERO))
        for one in opposite
        if one.parent_order_id != order.client_order_id and _precedes(one, order)
    ]
    return fillable(every, opens) <= max(closable + at_risk(before), ZERO)


def _attached_to(entry: Any, orders: Iterable[Leaves]) -> list[Leaves]:
    name = entry.client_order_id
    return [(order, leaves) for order, leaves in orders if order.parent_order_id == name]


def fills_at_once(order: Any) -> bool:
    """Return whether an order never rests: it fills on arrival or not at all."""
    if order.order_type in (OrderType.MARKET, OrderType.MARKET_TO_LIMIT):
        return True
    return order.order_type == OrderType.LIMIT and order.time_in_force in AT_ONCE


def _precedes(entry: Any, order: Any) -> bool:
    """Return whether an entry on the other side fills before an order can trade."""
    if entry.order_type == OrderType.MARKET:
        return True
    if entry.order_type != OrderType.LIMIT or order.order_type not in STOPS:
        return False
    trigger, price = order.trigger_price.as_decimal(), entry.price.as_decimal()
    return bool(trigger < price if order.side == OrderSide.SELL else trigger > price)


class OrderDescription(msgspec.Struct, frozen=True):
    """An order to be submitted or increased: `contracts` of it may still fill.

    `context` has the account's positions and unfinished orders at this moment. `reduces` says that
    the order can only bring its strategy's position nearer to flat.
    """

    request: OrderRequest
    order: Any
    contracts: Decimal
    context: OrderContext
    reduces: bool


def describe_order(
    component: Any,
    order: Any,
    *,
    contracts: Decimal | None = None,
    increase_by: Decimal | None = None,
    submitted: Iterable[Any] = (),
    sending: Iterable[Any] = (),
    without: tuple[Any, Any] | None = None,
) -> OrderDescription:
    """Describe an order that a component sends.

    `contracts` replaces the order's open quantity when it is modified, and `increase_by` is the
    difference. `submitted`, `sending` and `without` are those of OrderContext.
    """
    run_context, contract, side = component._run_context, order.instrument_id, order.side
    context = OrderContext(run_context.cache, run_context.holdings, submitted, sending, without)
    context.orders.pop(order.client_order_id, None)
    leaves = leaves_of(order) if contracts is None else contracts
    net_position = context.net_position(contract, order.strategy_id)
    others = context.same_owner(order)
    same = [(one, leaves_of(one)) for one in others if one.side == side]
    parents = {one.client_order_id: leaves_of(one) for one in others if one.side != side}
    total = fillable([*same, (order, leaves)], parents)
    event = run_context.exception_trap.current_event
    priced = order.order_type != OrderType.MARKET
    request = OrderRequest(
        client_order_id=order.client_order_id.value,
        strategy=order.strategy_id.value,
        instrument_id=str(contract),
        side=side.name,
        type=order.order_type.name,
        quantity=leaves,
        price=optional(order, "price") if priced else None,
        trigger=optional(order, "trigger_price") if priced else None,
        stop_trigger=stop_of(order, others),
        increase_by=increase_by,
        position=net_position,
        worst_case_position=abs(
            net_position + total if side == OrderSide.BUY else net_position - total
        ),
        signal_id=signal_id_of(event),
        ts=event.ts_init if isinstance(event, Bar) else component.clock.timestamp_ns(),
        emulated=order.emulation_trigger is not None,
    )
    reduces = only_reduces(net_position, order, leaves, others)
    return OrderDescription(request, order, leaves, context, reduces)


def stop_of(order: Any, others: Iterable[Any]) -> Decimal | None:
    """Return the trigger of the protective stop attached to an entry, None without one."""
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
