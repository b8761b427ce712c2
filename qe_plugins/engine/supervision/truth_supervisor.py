"""That our book is the broker's, or trading is halted: the truth loop in a live session."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    InstrumentId,
    OrderCancelRejected,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderStatus,
)

from qe_plugins.engine.broker.entry_rules import LIVE
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.reconciliation.answers import Known
from qe_plugins.engine.reconciliation.comparison import BookScope
from qe_plugins.engine.reconciliation.truth import DATA_LOST, TruthLoop
from qe_plugins.engine.reconciliation.truth_settings import TruthSettings
from qe_plugins.engine.risk.entry_cancellation import cancel_resolved
from qe_plugins.engine.supervision.book_reader import book_order, is_repair, read_book
from qe_plugins.engine.supervision.broker_look import BrokerLook
from qe_plugins.engine.supervision.repairs import Repairs
from qe_plugins.ib_client import BrokerEndpoint
from qe_plugins.market.sessions import is_open

if TYPE_CHECKING:
    from qe_plugins.engine.broker.session import LiveSession

REJECTIONS = (OrderRejected, OrderModifyRejected, OrderCancelRejected)
ON_ITS_WAY = (OrderStatus.INITIALIZED, OrderStatus.RELEASED, OrderStatus.SUBMITTED)
"""States in which the broker may have an order already."""

DUPLICATE = "DUP-"
"""How Nautilus names a second order of one reference."""


class TruthSupervisor:
    """Compares both books at the start, after a rejection or a reconnection, and all the time.

    Until they were equal once, and while anything about the broker is in doubt, nothing is entered
    or modified. Exits and cancellations are never refused.
    """

    def __init__(self, settings: TruthSettings | None = None) -> None:
        self._settings = settings or TruthSettings()
        self.on_data_lost: Callable[[], object] = lambda: None
        self.on_resumed: Callable[[], object] = lambda: None

    def start(self, session: LiveSession) -> None:
        """Begin to look at the broker."""
        live = session.live
        ib = live.settings.ib
        self._session = session
        self._names = {
            InstrumentId.from_str(one.id): one.broker_name for one in live.every_contract
        }
        self._roots = {one.broker_name: one.root for one in live.every_contract}
        endpoint = BrokerEndpoint(
            account=ib.account, host=ib.host, port=ib.port, client_id=ib.client_ids.look
        )
        self.look = BrokerLook(endpoint)
        by_name = {name: contract for contract, name in self._names.items()}
        self._repairs = Repairs(session, self.look, by_name)
        self.truth = TruthLoop(
            BookScope(frozenset(by_name), ib.client_ids.exec),
            self._settings,
            is_open=lambda contract, at: is_open(self._roots[contract], at),
            now=session.now(),
        )
        self._halted = False
        session.conditions.append(lambda: self.truth.degraded.refusal)
        session.skew = self.look.skew
        session.closer.in_doubt = lambda: self.truth.degraded.refusal
        session.context.order_states = self
        session.listeners.order_events.append(self._on_order_event)
        session.on_tick.append(self._on_tick)

    def stop(self) -> None:
        """End the connection."""
        self.look.stop()

    def is_exit(self, order: Any) -> bool:
        """Return whether an order was placed to close a position, ours by the book or not yet."""
        return is_repair(order) or self._session.order_terms.is_exit(order)

    def is_unresolved(self, order: Any) -> bool:
        """Return whether an order may have filled at the broker without our book knowing it."""
        if order.status == OrderStatus.EMULATED:
            return False
        name = self._names.get(order.instrument_id)
        if order.status in ON_ITS_WAY or name is None:
            return True
        return self.truth.is_unresolved(book_order(order, name))

    def _on_tick(self, ts: int) -> None:
        session, truth, look = self._session, self.truth, self.look
        now = session.now()
        for event in look.events():
            self._repairs.carry_out(truth.event(event.code, now))
            if event.code == DATA_LOST:
                self.on_data_lost()
        for answer in look.answers():
            if isinstance(answer, Known):
                self._repairs.snapshot = answer.value
            book = read_book(session.context.cache, self._names, now)
            self._repairs.carry_out(truth.take(book, answer, now, self._prices(book.nets)))
        self._repairs.carry_out(truth.tick(now))
        cancel_resolved(session.context)
        if truth.due(now):
            look.ask(now)
        halted = session.latch.read() is not None
        if self._halted and not halted:
            truth.resumed()
            self.on_resumed()
        self._halted = halted

    def _on_order_event(self, event: Any) -> None:
        """Have the broker confirm what an event says of an order, where that can be wrong."""
        name = event.client_order_id.value
        if isinstance(event, OrderModifyRejected) and event.reason.startswith(f"{LIVE}: "):
            return  # refused by our own rule: it never left
        if isinstance(event, REJECTIONS):
            self._confirm(f"{name}: {event.reason}")
        elif isinstance(event, OrderFilled) and event.reconciliation:
            self._confirm(f"{name}: a fill that the engine made to equal the broker's position")
        elif name.startswith(DUPLICATE):
            self._confirm(f"{name}: a second order of one reference")

    def _confirm(self, why: str) -> None:
        self.truth.confirm(why, self._session.now())

    def _prices(self, nets: dict[str, Decimal]) -> dict[str, Decimal]:
        """Return the price at which each contract could be closed now."""
        found = {}
        for contract, name in self._names.items():
            quote = self._session.context.cache.quote(contract)
            if quote is not None:
                is_long = nets.get(name, Decimal(0)) >= 0
                found[name] = decimal(quote.bid_price if is_long else quote.ask_price)
        return found
