"""Route a strategy's orders to the simulated exchange once they have passed the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nautilus_trader.core import UUID4
from nautilus_trader.model import ContingencyType, OrderSide, PositionSide, Quantity, TimeInForce
from nautilus_trader.trading import Strategy

from qe_plugins.engine.contracts.order_copies import rebuilt

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext


class OrderRouting(Strategy):
    """A strategy whose orders pass the gate and the queue, whichever method sends them.

    Nautilus' own `close_position` and its siblings do not call `submit_order`, and Nautilus does
    not let a modified stop take the market; here they do.
    """

    _run_context: ClassVar[RunContext]

    def close_position(
        self,
        position: Any,
        client_id: Any = None,
        tags: Sequence[str] | None = None,
        time_in_force: Any = None,
        reduce_only: bool | None = None,
        quote_quantity: bool | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        if position.is_closed:
            return
        side = OrderSide.SELL if position.is_long else OrderSide.BUY
        order = self.order_factory.market(
            position.instrument_id,
            side,
            position.quantity,
            time_in_force=time_in_force or TimeInForce.GTC,
            reduce_only=True if reduce_only is None else reduce_only,
            quote_quantity=bool(quote_quantity),
            tags=list(tags) if tags else None,
        )
        self._submit_to_gate(order, position.id, client_id, params)

    def close_all_positions(
        self,
        instrument_id: Any,
        position_side: Any = None,
        client_id: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if self._run_context.in_session and self._holds_others(instrument_id):
            self._close_net(instrument_id, position_side, client_id, *args, **kwargs)
            return
        held = self._run_context.cache.positions_open(
            instrument_id=instrument_id, strategy_id=self.strategy_id
        )
        for position in held:
            if position_side in (None, PositionSide.NO_POSITION_SIDE, position.side):
                OrderRouting.close_position(self, position, client_id, *args, **kwargs)

    def _holds_others(self, contract: Any) -> bool:
        """Return whether a position of no hosted strategy counts as this strategy's."""
        return any(
            held.instrument_id == contract and held.position.strategy_id != self.strategy_id
            for held in self._run_context.holdings.positions()
            if held.strategy_id == self.strategy_id
        )

    def _close_net(
        self,
        contract: Any,
        position_side: Any,
        client_id: Any = None,
        tags: Sequence[str] | None = None,
        time_in_force: Any = None,
        reduce_only: bool | None = None,
        quote_quantity: bool | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Close what counts as this strategy's in a contract by one order over the net."""
        net = self._run_context.holdings.net(self.strategy_id, contract)
        held = PositionSide.LONG if net > 0 else PositionSide.SHORT
        if not net or position_side not in (None, PositionSide.NO_POSITION_SIDE, held):
            return
        order = self.order_factory.market(
            contract,
            OrderSide.SELL if net > 0 else OrderSide.BUY,
            Quantity.from_int(int(abs(net))),
            time_in_force=time_in_force or TimeInForce.GTC,
            reduce_only=False,  # it would be compared with this strategy's own position
            tags=list(tags) if tags else None,
        )
        self._submit_to_gate(order, None, client_id, params)

    def market_exit(self) -> None:
        """Cancel every order of the strategy and close every position."""
        cache, mine = self._run_context.cache, {"strategy_id": self.strategy_id}
        orders = [*cache.orders_open(**mine), *cache.orders_inflight(**mine)]
        positions = cache.positions_open(**mine)
        for contract in {one.instrument_id for one in (*orders, *positions)}:
            self.cancel_all_orders(contract)
        for position in positions:
            OrderRouting.close_position(self, position)

    def _close_contract(self, contract: Any, tags: Sequence[str] = ()) -> bool:
        """Cancel the strategy's orders in a contract and close its position.

        Return whether a position is closed now: there is one, and its close is not under way.
        """
        held = self._run_context.holdings.net(self.strategy_id, contract)
        self.cancel_all_orders(contract)
        if held:
            self.close_all_positions(contract, tags=list(tags))
        return bool(held)

    def cancel_all_orders(
        self, instrument_id: Any, order_side: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        super().cancel_all_orders(instrument_id, order_side, *args, **kwargs)
        queue = self._run_context.queue
        for order in queue.waiting(instrument_id, self.strategy_id) if queue else ():
            if order_side in (None, OrderSide.NO_ORDER_SIDE, order.side):
                self.cancel_order(order.client_order_id)

    def _submit_to_gate(self, order: Any, *args: Any) -> None:
        raise NotImplementedError


def prepared(trader: Any, order: Any) -> Any:
    """Return a strategy's order on terms that a broker takes, or that the engine can simulate."""
    if (terms := trader._run_context.order_terms) is not None:
        return terms(order)
    queue = trader._run_context.queue
    return order if queue is None else queue.prepared(order, trader.clock.timestamp_ns())


def send(trader: Any, order: Any, *args: Any, **kwargs: Any) -> None:
    """Send one order of a strategy that has passed the gate."""
    [order] = _queued_if_waiting(trader, [order])
    Strategy.submit_order(trader, order, *args, **kwargs)
    _watch_stop_limits(trader, [order])


def send_list(trader: Any, orders: list[Any], *args: Any, **kwargs: Any) -> None:
    """Send linked orders of a strategy that have passed the gate."""
    Strategy.submit_order_list(trader, _queued_if_waiting(trader, orders), *args, **kwargs)
    _watch_stop_limits(trader, orders)


def takes_market(trader: Any, order: Any, quantity: Any, price: Any, trigger: Any) -> bool:
    """Cancel and resend an order whose new trigger the market has passed; return whether it was.

    The engine would reject the modification and leave the order as it is.
    """
    context, now = trader._run_context, trader.clock.timestamp_ns()
    works = order is not None and (order.is_open or order.is_inflight)
    if context.queue is None or trigger is None or not works:
        return False
    if getattr(order, "trigger_price", None) is None or getattr(order, "is_triggered", False):
        return False
    if not context.queue.crosses(order, trigger, now):
        return False
    changes = {"trigger_price": trigger} | ({} if price is None else {"price": price})
    resent = _resent(trader, order, changes, quantity or order.quantity, now)
    trader.cancel_order(order.client_order_id)
    for one in resent:
        context.recorder.order_sent(one, context.exception_trap.current_event)
        context.sent_orders[one.client_order_id] = None
    ready = [prepared(trader, one) for one in resent]
    if len(ready) == 1:
        send(trader, ready[0])
    else:
        send_list(trader, ready)
    return True


def _watch_stop_limits(trader: Any, orders: list[Any]) -> None:
    if (stop_limits := trader._run_context.stop_limits) is not None:
        stop_limits.watch(trader, orders)


def _queued_if_waiting(trader: Any, orders: list[Any]) -> list[Any]:
    queue, now = trader._run_context.queue, trader.clock.timestamp_ns()
    entries = [order for order in orders if order.parent_order_id is None]
    if queue is None or not any(queue.must_wait(order, now) for order in entries):
        return orders
    return [queue.for_queue(order) for order in orders]


def _resent(trader: Any, order: Any, changes: dict[str, Any], quantity: Any, now: int) -> list[Any]:
    """Return a copy of an order under a new id with `changes`, and copies of an entry's exits."""
    cache = trader._run_context.cache
    exits = [
        one
        for name in order.linked_order_ids or ()
        if order.contingency_type == ContingencyType.OTO
        and (one := cache.order(name)) is not None
        and not one.is_closed
    ]
    fresh = trader.order_factory.generate_client_order_id
    ids = {one.client_order_id: fresh() for one in (order, *exits)}
    left = quantity.saturating_sub(order.filled_qty)
    common = {
        "ts_event": now,
        "ts_init": now,
        "order_list_id": trader.order_factory.generate_order_list_id() if exits else None,
        "exec_algorithm_id": None,
        "exec_spawn_id": None,
    }
    return [
        rebuilt(
            one,
            event_id=UUID4(),
            client_order_id=ids[one.client_order_id],
            parent_order_id=ids.get(one.parent_order_id),
            **_links(one, ids),
            **common,
            **(changes | {"quantity": left} if one is order else {}),
        )
        for one in (order, *exits)
    ]


def _links(order: Any, ids: dict[Any, Any]) -> dict[str, Any]:
    """Return the fields that link an order to other orders that are resent."""
    linked = [ids[name] for name in order.linked_order_ids or () if name in ids]
    kind = order.contingency_type if linked else ContingencyType.NO_CONTINGENCY
    return {"linked_order_ids": linked or None, "contingency_type": kind}
