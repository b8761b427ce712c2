"""Host a plain Nautilus strategy: every order through the gate, every exception loud.

The gate sits *below* the author's class (`Hosted -> Author's -> Gated -> Strategy`), so that
`self.submit_order` and `super().submit_order` both reach it, whatever the author overrides.
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
from qe_plugins.engine.hosting.denial import rerouted_to_veto
from qe_plugins.engine.hosting.exceptions import guarded
from qe_plugins.engine.hosting.subscriptions import DispatchedSubscriptions, Guarded
from qe_plugins.engine.risk.gate import OrderRefusal, denial_reason
from qe_plugins.engine.risk.order_request import describe_order
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
    """What sends orders, and puts them to the gate."""

    _floor: ClassVar[RunContext]

    def _sends(self, order: Any) -> None:
        """Remember what the order is an answer to."""
        self._floor.recorder.sends(order, self._floor.alarm.handling)

    def _unlisted(self) -> list[Any]:
        """Return orders that were sent of late, and that the cache does not list yet."""
        return self._floor.submitted()

    def _refused(self, order: Any, **more: Any) -> tuple[OrderRequest, list[OrderRefusal]] | None:
        """Put an order to the rules and the gate; return who refused it, None where it passes.

        An order that only reduces is put to neither.
        """
        described = describe_order(self, order, submitted=self._unlisted(), **more)
        if described.reduces:
            return None
        floor, request = self._floor, described.request
        broken = floor.rules.broken(described)
        for rule, reason in broken:
            floor.recorder.veto(request, rule, reason)
        refusals = broken + floor.gate.refusals(self, request)
        return (request, refusals) if refusals else None


NOT_CALLBACKS = frozenset({"on_save", "on_load"})


class GatedStrategy(OrderSender, DispatchedSubscriptions, OrderRouting):
    """A `Strategy` whose orders are put to the gate before the engine sees them.

    `denials` are requests on their way to be denied. They live on the class: each hosted component
    has some of its own, whatever its author's `__init__` calls.
    """

    denials: ClassVar[dict[Any, OrderRequest]]

    @property
    def portfolio(self) -> Any:
        return self._floor.portfolio

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        order = prepared(self, order)
        floor, name = self._floor, order.client_order_id
        floor.recorder.sends(order, floor.alarm.handling)
        if refused := self._refused(order):
            self._deny(order, *refused)
            return
        floor.sent[name] = None
        send(self, order, *args, **kwargs)

    def _submit_to_gate(self, order: Any, *args: Any) -> None:
        GatedStrategy.submit_order(self, order, *args)

    def submit_order_list(self, order_list: Any, *args: Any, **kwargs: Any) -> None:
        orders = [prepared(self, o) for o in getattr(order_list, "orders", order_list)]
        for order in orders:
            self._sends(order)
        if refused := self._list_refused(orders):
            for order in orders:
                self._deny(order, *refused)
            return
        self._floor.sent |= dict.fromkeys(order.client_order_id for order in orders)
        send_list(self, orders, *args, **kwargs)

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        super().subscribe_bars(bar_type, *args, **kwargs)
        self._floor.house.hears(bar_type.instrument_id)

    def unsubscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        super().unsubscribe_bars(bar_type, *args, **kwargs)
        self._floor.house.hears(bar_type.instrument_id, still=False)

    def modify_order(
        self,
        client_order_id: Any,
        quantity: Any = None,
        price: Any = None,
        trigger_price: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if self._growth_refused(client_order_id, quantity):
            return
        order = self.cache.order(client_order_id)
        if not takes_market(self, order, quantity, price, trigger_price):
            super().modify_order(client_order_id, quantity, price, trigger_price, *args, **kwargs)

    def modify_orders(self, updates: Sequence[Any] = (), *args: Any, **kwargs: Any) -> None:
        passed = [
            u
            for u in updates
            if not self._growth_refused(u[0], u[1])
            and not takes_market(self, self.cache.order(u[0]), *u[1:4])
        ]
        if passed:
            super().modify_orders(passed, *args, **kwargs)

    def _list_refused(self, orders: list[Any]) -> tuple[OrderRequest, list[OrderRefusal]] | None:
        """Ask about each order of a list; return who refused the first that is refused."""
        for order in orders:
            if refused := self._refused(order, sending=orders):
                return refused
        return None

    def _deny(self, order: Any, request: OrderRequest, refusals: list[OrderRefusal]) -> None:
        self.denials[order.client_order_id] = request
        self._floor.denier.reasons[order.client_order_id] = denial_reason(refusals)
        Strategy.submit_order(self, rerouted_to_veto(order))

    def _growth_refused(self, client_order_id: Any, quantity: Any) -> bool:
        """Ask about a modification that grows an order; say whether it was refused."""
        order = self.cache.order(client_order_id)
        if order is None or quantity is None:
            return False
        grows = decimal(quantity) - decimal(order.quantity)
        if grows <= 0:
            return False
        leaves = decimal(order.leaves_qty) + grows
        refused = self._refused(order, contracts=leaves, grows=grows)
        if refused:
            self._refuse_modification(order, refused[1])
        return refused is not None

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
    """An `ExecutionAlgorithm` whose spawned orders are put to the gate."""

    @property
    def portfolio(self) -> Any:
        return self._floor.portfolio

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        if refused := self._refused(order):
            request, refusals = refused
            self._sends(order)
            self.deny_order(order, denial_reason(refusals))
            self._floor.denied(request, self._floor.cache.order(order.client_order_id).last_event)
            return
        queue = self._floor.queue
        send = partial(super().submit_order, order, *args, **kwargs)
        if queue is not None and queue.must_wait(order, self.clock.timestamp_ns()):
            queue.hold(order, send)
        else:
            send()

    def _unlisted(self) -> list[Any]:
        """Return none: an order in the algorithm's hands is the parent of those it sends."""
        return []

    def shutdown_system(self, reason: str) -> None:
        """An algorithm cannot stop the engine itself: the runner sees the alarm after the piece."""


class GuardedActor(DispatchedSubscriptions, DataActor):
    """A `DataActor` whose timers and subscriptions cannot fail in silence."""


HOSTS: tuple[tuple[type, type], ...] = (
    (Strategy, GatedStrategy),
    (ExecutionAlgorithm, GatedAlgorithm),
    (DataActor, GuardedActor),
)


def host(author: type, floor: RunContext, below: type | None = None) -> type:
    """Derive the class that runs in place of `author`: a strategy, an actor or an algorithm.

    `below` is the class of ours to put below the author's, by default the one for its kind. Every
    callback is on the class itself: the engine looks each up by name, anew for each event, and a
    name that is new to Python is searched for in all the classes there are.
    """
    below = below or next(ours for theirs, ours in HOSTS if issubclass(author, theirs))
    body: dict[str, Any] = {"_floor": floor, "__module__": author.__module__}
    written = callbacks(author, below)
    body |= heard(author)
    body |= {n: guarded(m, floor.alarm) for n, m in written.items()}
    if issubclass(below, GatedStrategy):
        body |= {"desk": floor.desk, "denials": {}} | bookkeeping(author, floor)
        if "on_bar" not in written:
            floor.house.deaf = True
        elif not floor.hears:  # else it is the bridge that looks at the account at every bar
            body["on_bar"] = guarded(written["on_bar"], floor.alarm, floor.house)
    return type(author.__name__, (author, below), body)


def callbacks(author: type, below: type) -> dict[str, Any]:
    """Return the callbacks that an author wrote, by name."""
    return {n: m for n, m in heard(author).items() if m is not getattr(below, n, None)}


def heard(author: type) -> dict[str, Any]:
    """Return every callback of a class, by name, whoever wrote it."""
    names = (n for n in dir(author) if n.startswith("on_") and n not in NOT_CALLBACKS)
    return {n: getattr(author, n) for n in names}


def bookkeeping(author: Any, floor: RunContext) -> dict[str, Any]:
    """Return the callbacks by which the floor hears of fills and denials, then the author."""
    sent, booked, watched = floor.sent, floor.office.on_fill, floor.house.filled
    counted = floor.balance.filled

    def on_order_filled(self: Any, event: Any) -> None:
        sent.pop(event.client_order_id, None)
        booked(event)
        counted(event)
        watched(self, event)
        author.on_order_filled(self, event)

    def on_order_denied(self: Any, event: Any) -> None:
        floor.denied(self.denials.pop(event.client_order_id, None), event)
        author.on_order_denied(self, event)

    def on_order_updated(self: Any, event: Any) -> None:
        if floor.stop_limits is None or not floor.stop_limits.repriced(event.client_order_id):
            author.on_order_updated(self, event)

    def on_order_event(self: Any, event: Any) -> None:
        floor.recorder.happened(event)
        author.on_order_event(self, event)

    kept = {
        "on_order_filled": on_order_filled,
        "on_order_denied": on_order_denied,
        "on_order_updated": on_order_updated,
    }
    if floor.recorder.follows_orders:
        kept["on_order_event"] = on_order_event
    return {name: guarded(method, floor.alarm) for name, method in kept.items()}
