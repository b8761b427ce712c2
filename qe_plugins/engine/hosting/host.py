"""Derive the class that runs in place of an author's: orders pass a gate, exceptions end the run.

The gate sits *below* the author's class (`Hosted -> Author's -> GatedStrategy -> Strategy`), so
that `self.submit_order` and `super().submit_order` both reach it, also from overridden methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from nautilus_trader.common import DataActor
from nautilus_trader.core import UUID4
from nautilus_trader.model import OrderModifyRejected
from nautilus_trader.trading import ExecutionAlgorithm, Strategy

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.hosting.exceptions import guarded
from qe_plugins.engine.hosting.subscriptions import DispatchedSubscriptions, Guarded
from qe_plugins.engine.risk.gate import OrderRefusal, denial_reason, rerouted_to_veto
from qe_plugins.engine.risk.order_request import OrderDescription, describe_order
from qe_plugins.engine.simulation.order_routing import (
    OrderRouting,
    prepared,
    send,
    send_list,
    takes_market,
)

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins.types import OrderRequest


class OrderSender:
    """A component that sends orders: each one passes the rules and the gate first."""

    _run_context: ClassVar[RunContext]

    def _note_cause(self, order: Any) -> None:
        """Record the event that is being handled as the cause of an order."""
        context = self._run_context
        context.recorder.order_sent(order, context.exception_trap.current_event)

    def _in_flight(self) -> list[Any]:
        """Return the client order ids of orders just sent that the cache does not list yet."""
        return self._run_context.sent_orders.in_flight()

    def _checked(self, order: Any, **more: Any) -> tuple[OrderDescription, list[OrderRefusal]]:
        """Describe an order, and check it by the rules and the gate; return the refusals, too.

        An order that only reduces is checked by neither, unless it leaves a short option bare.
        """
        described = describe_order(self, order, submitted=self._in_flight(), **more)
        context, request = self._run_context, described.request
        if described.reduces:
            if not (bare := context.rules.uncovered(described)):
                return described, []
            context.recorder.veto(request, "margin", bare)
            return described, [("margin", bare)]
        violations = context.rules.violations(described)
        for rule, reason in violations:
            context.recorder.veto(request, rule, reason)
        return described, violations + context.gate.refusals(self, request)

    def _cleared(self, order: Any, **more: Any) -> tuple[OrderRequest, list[OrderRefusal]]:
        """Check an order as `_checked` does; commit the intent of one that passes."""
        described, refusals = self._checked(order, **more)
        if not refusals and self._run_context.recorder.commits:
            refusals = self._uncommitted(described.request, reduces=described.reduces)
        return described.request, refusals

    def _uncommitted(self, request: OrderRequest, *, reduces: bool) -> list[OrderRefusal]:
        """Have the intent of an order on disk before it leaves; return why it may not leave."""
        recorder = self._run_context.recorder
        reason = recorder.commit(reduces=reduces)
        if not reason:
            return []
        recorder.veto(request, JOURNAL, reason)
        return [(JOURNAL, reason)]


JOURNAL = "journal"
"""The name of the rule that an order's intent must be in the journal before it leaves."""

NOT_CALLBACKS = frozenset({"on_save", "on_load"})
"""Methods named `on_...` that the engine calls for a value, not with an event."""


class GatedStrategy(OrderSender, DispatchedSubscriptions, OrderRouting):
    """A `Strategy` whose orders pass the gate before the engine sees them.

    `denials` are the requests of vetoed orders by client order id, until the engine denies them.
    They are an attribute of the class, and each hosted component has a class of its own: so they
    exist even where the author's `__init__` does not call `super().__init__`.
    """

    denials: ClassVar[dict[Any, OrderRequest]]

    @property
    def portfolio(self) -> Any:
        return self._run_context.portfolio

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        simulated = self._run_context.queue is not None
        order = prepared(self, order)
        self._note_cause(order)
        request, refusals = self._cleared(order)
        if refusals:
            self._deny(order, request, refusals)
            return
        self._run_context.sent_orders[order.client_order_id] = None
        if simulated:
            send(self, order, *args, **kwargs)
        else:
            super().submit_order(order, *args, **kwargs)

    def _submit_to_gate(self, order: Any, *args: Any) -> None:
        GatedStrategy.submit_order(self, order, *args)

    def submit_order_list(self, order_list: Any, *args: Any, **kwargs: Any) -> None:
        orders = [prepared(self, o) for o in getattr(order_list, "orders", order_list)]
        for order in orders:
            self._note_cause(order)
        if refused := self._list_refused(orders):
            for order in orders:
                self._deny(order, *refused)
            return
        self._run_context.sent_orders |= dict.fromkeys(order.client_order_id for order in orders)
        send_list(self, orders, *args, **kwargs)

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        super().subscribe_bars(bar_type, *args, **kwargs)
        self._run_context.liquidator.track(bar_type.instrument_id)

    def unsubscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_bars(bar_type, *args, **kwargs)
        self._run_context.liquidator.untrack(bar_type.instrument_id)

    def modify_order(
        self,
        client_order_id: Any,
        quantity: Any = None,
        price: Any = None,
        trigger_price: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if self._growth_refused(client_order_id, quantity, price, trigger_price):
            return
        order = self.cache.order(client_order_id)
        if not takes_market(self, order, quantity, price, trigger_price):
            super().modify_order(client_order_id, quantity, price, trigger_price, *args, **kwargs)

    def modify_orders(self, updates: Sequence[Any] = (), *args: Any, **kwargs: Any) -> None:
        passed = [
            update
            for update in updates
            if not self._growth_refused(*update[:4])
            and not takes_market(self, self.cache.order(update[0]), *update[1:4])
        ]
        if passed:
            super().modify_orders(passed, *args, **kwargs)

    def _list_refused(self, orders: list[Any]) -> tuple[OrderRequest, list[OrderRefusal]] | None:
        """Check each order of a list; return the refusals of the first that is refused, or None."""
        adding: OrderRequest | None = None
        for order in orders:
            described, refusals = self._checked(order, sending=orders)
            if refusals:
                return described.request, refusals
            if adding is None and not described.reduces:
                adding = described.request
        if self._run_context.recorder.commits:
            request = adding or described.request
            refusals = self._uncommitted(request, reduces=adding is None)
            return (request, refusals) if refusals else None
        return None

    def _deny(self, order: Any, request: OrderRequest, refusals: list[OrderRefusal]) -> None:
        self.denials[order.client_order_id] = request
        reason = denial_reason(refusals)
        self._run_context.veto_algorithm.reasons[order.client_order_id] = reason
        Strategy.submit_order(self, rerouted_to_veto(order))

    def _growth_refused(
        self, client_order_id: Any, quantity: Any, price: Any = None, trigger: Any = None
    ) -> bool:
        """Check a modification that increases an order; return whether it was refused.

        A session records every modification, and commits those that increase an order.
        """
        order = self.cache.order(client_order_id)
        if order is None:
            return False
        recorder = self._run_context.recorder
        if recorder.commits:
            changes = {"quantity": quantity, "price": price, "trigger": trigger}
            recorder.order_changed(order, self.clock.timestamp_ns(), **changes)
        if quantity is None:
            return False
        increase = decimal(quantity) - decimal(order.quantity)
        if increase <= 0:
            return False
        leaves = decimal(order.leaves_qty) + increase
        _, refusals = self._cleared(order, contracts=leaves, increase_by=increase)
        if refusals:
            self._refuse_modification(order, refusals)
        return bool(refusals)

    def _refuse_modification(self, order: Any, refusals: list[OrderRefusal]) -> None:
        now = self.clock.timestamp_ns()
        event = OrderModifyRejected(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            reason=denial_reason(refusals),
            event_id=UUID4(),
            ts_event=now,
            ts_init=now,
            reconciliation=False,
            venue_order_id=order.venue_order_id,
            account_id=order.account_id,
        )
        self.on_order_event(event)
        self.on_order_modify_rejected(event)


class GatedAlgorithm(OrderSender, Guarded, ExecutionAlgorithm):
    """An `ExecutionAlgorithm` whose spawned orders pass the gate."""

    @property
    def portfolio(self) -> Any:
        return self._run_context.portfolio

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        if self._run_context.recorder.commits:
            self._note_cause(order)
        request, refusals = self._cleared(order)
        if refusals:
            self._note_cause(order)
            self.deny_order(order, denial_reason(refusals))
            denied = self._run_context.cache.order(order.client_order_id)
            self._run_context.notify_denial(request, denied.last_event)
            return
        queue = self._run_context.queue
        send = partial(super().submit_order, order, *args, **kwargs)
        if queue is not None and queue.must_wait(order, self.clock.timestamp_ns()):
            queue.hold(order, send)
        else:
            send()

    def _in_flight(self) -> list[Any]:
        """Return none: the order that an algorithm works is the parent of those it sends."""
        return []

    def shutdown_system(self, reason: str) -> None:
        """Do nothing: an algorithm cannot stop the engine. The runner raises after the chunk."""


class GuardedActor(DispatchedSubscriptions, DataActor):
    """A `DataActor` whose callbacks' exceptions are recorded, and whose events are dispatched."""


HOSTS: tuple[tuple[type, type], ...] = (
    (Strategy, GatedStrategy),
    (ExecutionAlgorithm, GatedAlgorithm),
    (DataActor, GuardedActor),
)


def host(author: type, context: RunContext, below: type | None = None) -> type:
    """Derive the class that runs in place of `author`: a strategy, an actor or an algorithm.

    `below` is the class to insert below the author's, by default the one of HOSTS for its kind.
    Every callback is an attribute of the derived class itself: the engine looks it up by name for
    each event, and does not cache the search through the base classes.
    """
    below = below or next(gated for plain, gated in HOSTS if issubclass(author, plain))
    body: dict[str, Any] = {"_run_context": context, "__module__": author.__module__}
    written = callbacks(author, below)
    body |= all_callbacks(author)
    body |= {n: guarded(m, context.exception_trap) for n, m in written.items()}
    if issubclass(below, GatedStrategy):
        body |= {"desk": context.desk, "denials": {}} | order_callbacks(author, context)
        if "on_bar" not in written:
            context.liquidator.needs_bars = True
        elif not context.needs_bars:  # else the signal pipeline calls the liquidator
            body["on_bar"] = guarded(written["on_bar"], context.exception_trap, context.liquidator)
    return type(author.__name__, (author, below), body)


def callbacks(author: type, below: type) -> dict[str, Any]:
    """Return the callbacks that an author wrote, by name."""
    return {n: m for n, m in all_callbacks(author).items() if m is not getattr(below, n, None)}


def all_callbacks(author: type) -> dict[str, Any]:
    """Return every callback of a class, inherited ones too, by name."""
    names = (n for n in dir(author) if n.startswith("on_") and n not in NOT_CALLBACKS)
    return {n: getattr(author, n) for n in names}


def order_callbacks(author: Any, context: RunContext) -> dict[str, Any]:
    """Return the order callbacks that do the run's accounting, then call the author's."""
    sent_orders, liquidator_on_fill = context.sent_orders, context.liquidator.on_fill
    book, count = context.trade_booker.on_fill, context.balance.on_fill
    note_margin = context.margin.note

    def on_order_filled(self: Any, event: Any) -> None:
        sent_orders.pop(event.client_order_id, None)
        book(event)
        count(event)
        liquidator_on_fill(self, event)
        note_margin(event)
        author.on_order_filled(self, event)

    def on_order_denied(self: Any, event: Any) -> None:
        context.notify_denial(self.denials.pop(event.client_order_id, None), event)
        author.on_order_denied(self, event)

    def on_order_updated(self: Any, event: Any) -> None:
        if context.stop_limits is None or not context.stop_limits.is_repriced(
            event.client_order_id
        ):
            author.on_order_updated(self, event)

    def on_order_event(self: Any, event: Any) -> None:
        context.recorder.order_event(event)
        author.on_order_event(self, event)

    def on_session_fill(self: Any, event: Any) -> None:
        sent_orders.pop(event.client_order_id, None)
        if book(event):
            count(event)
        context.liquidator.adopt(context.strategies)
        author.on_order_filled(self, event)

    wrapped = {
        "on_order_filled": on_session_fill if context.in_session else on_order_filled,
        "on_order_denied": on_order_denied,
        "on_order_updated": on_order_updated,
    }
    if context.recorder.follows_orders:
        wrapped["on_order_event"] = on_order_event
    return {name: guarded(method, context.exception_trap) for name, method in wrapped.items()}
