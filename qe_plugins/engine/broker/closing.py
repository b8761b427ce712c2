"""Close a position at a broker under its stop: the stop is cancelled once the close has filled.

Nautilus' own ways to close are reduce-only, which Interactive Brokers refuses, and cancel the exits
first, which leaves the position without a stop for as long as the close is under way or refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    OrderFilled,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    Quantity,
    TimeInForce,
)

from qe_plugins.engine.broker.entry_rules import LIVE
from qe_plugins.engine.broker.order_terms import working_exits
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.hosting.host import GatedStrategy
from qe_plugins.engine.risk.order_request import STOPS, owner_of, unfinished

if TYPE_CHECKING:
    from qe_plugins.engine.broker.entry_rules import BrokerRules
    from qe_plugins.engine.broker.order_terms import OrderTerms
    from qe_plugins.engine.running.context import RunContext

LOG = logging.getLogger(__name__)
CANCEL_AGAIN = 60 * 1_000_000_000
"""Nanoseconds until an order is cancelled again. The engine leaves an order alone that has just had
an event, also one that the broker has not any more: asked at every tick, it would never see that.
"""

FAILED = (OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.CANCELED, OrderStatus.EXPIRED)


class PositionCloser:
    """The closes of a session that are under way: at most one a strategy and contract.

    `on_failed` is called with the reason where a close ended without a fill: the stop works on, and
    nothing is sent again by itself. `in_doubt` returns why no order may be modified, empty where it
    may: of an order that is modified while the connection is in doubt, two may be live.
    """

    def __init__(self, context: RunContext, terms: OrderTerms) -> None:
        self._run_context, self._terms = context, terms
        self._filled: set[tuple[Any, Any]] = set()
        self._under_way: dict[tuple[Any, Any], Any] = {}
        self.on_failed: Any = lambda reason: LOG.error("%s", reason)
        self._cancelled: dict[Any, int] = {}
        self.in_doubt: Callable[[], str] = lambda: ""

    def close(self, trader: Any, contract: Any, tags: Sequence[str] = ()) -> bool:
        """Close what counts as a strategy's position in a contract, sized from the holdings.

        Entries that work are cancelled at once, exits once the position is flat. Return whether a
        close was sent.
        """
        owner = trader.strategy_id, contract
        net = self._run_context.holdings.net(*owner)
        if self._is_under_way(owner, net):
            return False
        self._cancel(trader, self._entries(owner, net))
        if not net:
            return False
        order = trader.order_factory.market(
            contract,
            OrderSide.SELL if net > 0 else OrderSide.BUY,
            Quantity.from_int(int(abs(net))),
            time_in_force=TimeInForce.GTC,
            tags=list(tags) or None,
        )
        self._under_way[owner] = order.client_order_id
        GatedStrategy.submit_order(trader, order)
        return True

    def on_order_event(self, event: Any) -> None:
        """Note a fill: what closed the position may not have been the close, or not by us."""
        if isinstance(event, OrderFilled):
            self._filled.add((event.strategy_id, event.instrument_id))
            self._run_context.exception_trap.deferred.append(self.check)

    def check(self) -> None:
        """Cancel the exits of positions that are flat by now. Call at events and ticks."""
        for owner in list(self._under_way):
            self._check(owner)
        for owner in list(self._filled):
            self._check_flat(owner)

    def _check_flat(self, owner: tuple[Any, Any]) -> None:
        """Cancel the exits that outlived a position: each of them could open another one."""
        if self._run_context.holdings.net(*owner):
            self._filled.discard(owner)
            return
        left = [one for one in self._working(owner) if self._terms.outlived(one)]
        if not left:
            self._filled.discard(owner)
        for trader in self._run_context.strategies:
            if trader.strategy_id == owner[0]:
                self._cancel(trader, left)

    def _check(self, owner: tuple[Any, Any]) -> None:
        strategy, contract = owner
        order = self._run_context.cache.order(self._under_way[owner])
        net = self._run_context.holdings.net(*owner)
        trader = next(one for one in self._run_context.strategies if one.strategy_id == strategy)
        if not net:
            self._cancel(trader, [one for one in self._working(owner) if one is not order])
            if order is None or order.is_closed:
                del self._under_way[owner]
        elif order is None or order.is_closed:
            del self._under_way[owner]
            if order is not None and order.status in FAILED:
                self.on_failed(
                    f"the close of {net:+f} {contract} ended {order.status.name}: its exits work on"
                )

    def _is_under_way(self, owner: tuple[Any, Any], net: Decimal) -> bool:
        """Return whether a close was sent and has not ended, by this or by the strategy itself."""
        name = self._under_way.get(owner)
        if name is not None:
            order = self._run_context.cache.order(name)
            if order is None or not order.is_closed:
                return True
        exits = working_exits(self._run_context, owner, net) if net else []
        return any(one.order_type == OrderType.MARKET for one in exits)

    def _entries(self, owner: tuple[Any, Any], net: Decimal) -> list[Any]:
        exits = working_exits(self._run_context, owner, net) if net else []
        kept = {one.client_order_id for one in exits}
        return [one for one in self._working(owner) if one.client_order_id not in kept]

    def _working(self, owner: tuple[Any, Any]) -> list[Any]:
        found = unfinished(self._run_context.cache, instrument_id=owner[1])
        return [one for one in found.values() if owner_of(one) == owner]

    def _cancel(self, trader: Any, orders: Sequence[Any]) -> None:
        now = trader.clock.timestamp_ns()
        for order in orders:
            if order.parent_order_id is not None and self._waits_for_parent(order):
                continue
            name = order.client_order_id
            if now - self._cancelled.get(name, -CANCEL_AGAIN) >= CANCEL_AGAIN:
                self._cancelled[name] = now
                trader.cancel_order(name)

    def _waits_for_parent(self, order: Any) -> bool:
        """Return whether the broker cancels an exit itself, with the entry that it waits for."""
        parent = self._run_context.cache.order(order.parent_order_id)
        return parent is not None and not (parent.is_closed or parent.filled_qty.as_decimal())


class BrokerStrategy(GatedStrategy):
    """A hosted strategy on a broker's account: it closes under its stop, and never widens one."""

    _closer: PositionCloser

    def close_under_stop(self, contract: Any, tags: Sequence[str] = ()) -> None:
        """Close the strategy's position in a contract; its exits work until that has filled."""
        self._closer.close(self, contract, tags)

    def close_position(
        self, position: Any, client_id: Any = None, tags: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if not position.is_closed:
            self.close_under_stop(position.instrument_id, tags or ())

    def close_all_positions(
        self,
        instrument_id: Any,
        position_side: Any = None,
        client_id: Any = None,
        tags: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        net = self._run_context.holdings.net(self.strategy_id, instrument_id)
        held = PositionSide.LONG if net > 0 else PositionSide.SHORT
        if position_side in (None, PositionSide.NO_POSITION_SIDE, held):
            self.close_under_stop(instrument_id, tags or ())

    def market_exit(self) -> None:
        for contract in self._contracts():
            self.close_under_stop(contract)

    def _close_contract(self, contract: Any, tags: Sequence[str] = ()) -> bool:
        return self._closer.close(self, contract, tags)

    def _contracts(self) -> list[Any]:
        """Return the contracts in which the strategy has a position or an order that works."""
        context = self._run_context
        held = [o for o in context.holdings.positions() if o.strategy_id == self.strategy_id]
        working = unfinished(context.cache, strategy_id=self.strategy_id).values()
        return list(dict.fromkeys(one.instrument_id for one in (*held, *working)))

    def _growth_refused(
        self, client_order_id: Any, quantity: Any, price: Any = None, trigger: Any = None
    ) -> bool:
        """Refuse a modification that could lose more: of an entry, or of a stop beyond the rung."""
        order = self.cache.order(client_order_id)
        reason = "" if order is None else self._modification_refused(order, quantity, trigger)
        if reason:
            self._refuse_modification(order, [(LIVE, reason)])
            return True
        return super()._growth_refused(client_order_id, quantity, price, trigger)

    def _modification_refused(self, order: Any, quantity: Any, trigger: Any) -> str:
        if doubt := self._closer.in_doubt():
            return doubt
        context = self._run_context
        net = context.holdings.net(self.strategy_id, order.instrument_id)
        closes = net and order.side == (OrderSide.SELL if net > 0 else OrderSide.BUY)
        if not closes:
            return "an order that may add risk is not modified: cancel it and send another"
        if order.order_type not in STOPS:
            return ""
        if quantity is not None and decimal(quantity) < abs(net):
            return f"the stop would be for {quantity} of {abs(net):f} contracts"
        return "" if trigger is None else self._widening_refused(order, decimal(trigger), net)

    def _widening_refused(self, order: Any, trigger: Decimal, net: Decimal) -> str:
        rules: BrokerRules = self._run_context.rules  # type: ignore[assignment]
        held = [
            one.entry
            for one in self._run_context.holdings.positions()
            if owner_of(one) == (self.strategy_id, order.instrument_id)
        ]
        entry = max(held) if net > 0 else min(held)
        if (trigger >= entry) if net > 0 else (trigger <= entry):
            return ""  # it locks in a profit
        lost = rules.stop_loss(order.instrument_id, entry, trigger, abs(net))
        rung = self._run_context.rung
        if lost <= rung.risk:
            return ""
        return f"{rung.title} risks {rung.risk:f} {rung.currency}, there it would lose {lost:.2f}"
