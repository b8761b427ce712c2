"""The simulated gateway without its sockets: state, time, and what happens to orders.

Every request of a client arrives in `receive`, whatever its dialect, and is answered by a handler
of `account_requests`, `order_requests` or `data_requests`. All of it runs on one thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec

from qe_plugins.testing.tws import state
from qe_plugins.testing.tws.exchange.account import GatewayAccount, GatewayExecution
from qe_plugins.testing.tws.exchange.book import OrderBook
from qe_plugins.testing.tws.exchange.futures import FutureListing, ListedFuture
from qe_plugins.testing.tws.exchange.hours import GatewayHours
from qe_plugins.testing.tws.exchange.orders import GatewayOrder
from qe_plugins.testing.tws.exchange.prices import TICK_SECONDS, Market, PriceFeed, RandomWalk
from qe_plugins.testing.tws.faults import Faults, text_of
from qe_plugins.testing.tws.ledger import GatewayLedger
from qe_plugins.testing.tws.sessions import ORDER_QUERIES, ClientSession
from qe_plugins.testing.tws.timetable import GatewayClock, Timetable
from qe_plugins.testing.tws.wire.messages import Body
from qe_plugins.testing.tws.wire.times import execution_time

ACCOUNT_SECONDS = 180
Handler = Callable[["Gateway", ClientSession, Body], None]


class GatewaySettings(msgspec.Struct, frozen=True):
    """How a gateway is set up.

    `account` is the one account, `cash` its dollars, `start` the front month's first price and
    `seed` what its random walk and its history come from. `hours` is `always` or `cme`. `state` is
    the file that survives a restart, `ledger` a file of everything received. `fill_seconds` is how
    long a market order takes. `last_trade_time` adds the time to the expiry in contract details.
    `tick_seconds` is how often a price is traded and published, `spread` how many ticks lie between
    bid and ask. `master_id` is the client that is told about every order. `restart_at` is when the
    gateway restarts every day, a time in Chicago like `16:15`, `restart_seconds` how long it is
    down.
    """

    account: str = "DU1234567"
    cash: float = 50_000.0
    start: float = 6500.0
    seed: int = 7
    hours: str = "always"
    expiries: int = 3
    two_digit_years: bool = False
    last_trade_time: bool = True
    time_zone: str = "UTC"
    fill_seconds: float = 0.0
    tick_seconds: float = TICK_SECONDS
    spread: int = 1
    master_id: int | None = None
    restart_at: str | None = None
    restart_seconds: float = 120.0
    state: Path | None = None
    ledger: Path | None = None


class Gateway:
    """One account at one broker, and the clients that are connected to it."""

    def __init__(
        self, settings: GatewaySettings, clock: GatewayClock, feed: PriceFeed | None = None
    ) -> None:
        from qe_plugins.testing.tws import account_requests, data_requests, order_requests

        self.settings, self.clock = settings, clock
        self.timetable = Timetable(clock)
        self.sessions: list[ClientSession] = []
        self.faults = Faults()
        self.failures: list[str] = []
        self._has_changed = True
        self.ledger = GatewayLedger(settings.ledger)
        self.hours = GatewayHours(always=settings.hours == "always")
        now = clock.now()
        self.futures = FutureListing(
            now, expiries=settings.expiries, two_digit_years=settings.two_digit_years
        )
        self.market = Market(
            self.futures.all(),
            self.hours,
            feed or RandomWalk(settings.seed),
            now=now,
            start=settings.start,
            seed=settings.seed,
        )
        self.market.spread = settings.spread
        self.account = GatewayAccount(settings.account, settings.cash, self.futures)
        self.book = OrderBook(self.futures, self.market, self.hours, self)
        self.book.delay = settings.fill_seconds
        self.next_order_id = 1
        self.next_perm_id = 1_700_000_001
        self.random = random.Random(settings.seed)
        self.handlers: dict[str, Handler] = {
            **account_requests.HANDLERS,
            **order_requests.HANDLERS,
            **data_requests.HANDLERS,
        }
        self._publish_data = data_requests.publish
        self._publish_portfolio = account_requests.publish_portfolio
        self._missed: list[Callable[[], None]] = []
        if settings.state:
            state.load(self, settings.state)
        self.timetable.every(settings.tick_seconds, self.tick)
        self.timetable.every(ACCOUNT_SECONDS, lambda: account_requests.publish(self))

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self.clock.now()

    def connect(self, session: ClientSession) -> None:
        """Take a connection that has shaken hands."""
        self.sessions.append(session)

    def disconnect(self, session: ClientSession) -> None:
        """Forget a connection; orders of its client stay."""
        session.is_closed = True
        if session in self.sessions:
            self.sessions.remove(session)

    def receive(self, session: ClientSession, name: str, body: Body) -> None:
        """Answer a request."""
        self.ledger.receive(self.now(), session.client_id, name, body)
        if not session.is_paced():
            return
        if self.faults.take(self.faults.unanswered, name):
            return
        if name in ORDER_QUERIES and self.now() < self.faults.acknowledgements_from:
            return
        handler = self.handlers.get(name)
        if handler is None:
            session.error(505, f"Fatal Error: Unknown message id. ({name})", body.get("reqId", -1))
            return
        if name != "StartApiRequest" and not session.is_started:
            session.close()
            return
        handler(self, session, body)

    def tick(self) -> None:
        """Take the next price, fill orders, publish market data."""
        now = self.now()
        if self.faults.mute_until and now >= self.faults.mute_until:
            self.faults.mute_until = 0.0
            for session in self.sessions:
                session.release()
        traded = self.market.step(now)
        self.trade(publish=traded)
        self.save()

    def trade(self, *, publish: bool = True) -> None:
        """Fill what the current prices fill, and publish them."""
        now = self.now()
        if not self.hours.always:
            self.book.expire(now)
        self.book.match(now)
        if self.faults.is_connected and self.faults.farm_is_up:
            self._publish_data(self, traded=publish)

    def mark(self, future: ListedFuture) -> float:
        """Return the price at which positions in `future` are valued."""
        return self.market.quote(future).last

    def save(self) -> None:
        """Write the state that survives a restart, if it has changed."""
        if self.settings.state and self._has_changed:
            state.save(self, self.settings.state)
        self._has_changed = False

    def mark_changed(self) -> None:
        """Have the state written with the next tick."""
        self._has_changed = True

    def started(self) -> list[ClientSession]:
        """Return the clients that have started their API."""
        return [one for one in self.sessions if one.is_started and not one.is_closed]

    def owners(self, client_id: int) -> list[ClientSession]:
        """Return who is told about an order of `client_id` without asking."""
        masters = {client_id, self.settings.master_id}
        return [
            one
            for one in self.started()
            if one.client_id in masters or (client_id == 0 and one.binds_orders)
        ]

    def broadcast(self, code: int, text: str = "") -> None:
        """Send a notice without a request to every client."""
        for session in self.started():
            session.error(code, text or text_of(code))

    def margin_of(self, order: GatewayOrder) -> Body:
        """Return the margin fields of an order's state."""
        held = self.account.margin()
        change = self.futures.by_id(order.con_id).margin * order.quantity
        if self.account.zero_margin:
            change = 0.0
        return {
            "initMarginBefore": held,
            "initMarginChange": change,
            "initMarginAfter": held + change,
            "maintMarginBefore": held,
            "maintMarginChange": change,
            "maintMarginAfter": held + change,
            "commissionAndFeesCurrency": "USD",
        }

    def open_order(self, order: GatewayOrder) -> Body:
        """Return the message that lists `order` as open."""
        future = self.futures.by_id(order.con_id)
        return order.open_order(future, self.account.id, self.margin_of(order))

    def new_perm_id(self) -> int:
        """Return an id for an order that no other has."""
        self.next_perm_id += 1
        return self.next_perm_id

    def status_changed(self, order: GatewayOrder, last_price: float = 0.0) -> None:
        """Tell the order's client about it."""

        def tell() -> None:
            for session in self.owners(order.client_id):
                session.send("OpenOrder", **self.open_order(order))
                session.send("OrderStatus", **order.order_status(last_price))

        if not order.hidden:
            self._when_connected(tell)
        self._has_changed = True

    def noticed(self, order: GatewayOrder, code: int, text: str) -> None:
        """Send a notice about an order."""

        def tell() -> None:
            for session in self.owners(order.client_id):
                session.error(code, text, order.order_id)

        if not order.hidden:
            self._when_connected(tell)

    def filled(self, order: GatewayOrder, quantity: int, price: float) -> None:
        """Book a fill and tell the order's client about it."""
        execution = self.account.book(order, quantity, price, self.now())
        execution.lost = self.faults.drop_executions

        def tell() -> None:
            for session in self.owners(order.client_id):
                self.send_execution(session, execution, order, price)

        if not execution.lost:
            self._when_connected(tell)
        self._when_connected(lambda: self._publish_positions(order.con_id))
        self._has_changed = True

    def reconnect(self) -> None:
        """Be connected to IB again, and send what clients have missed."""
        self.faults.is_connected = True
        missed, self._missed = self._missed, []
        for tell in missed:
            tell()

    def _when_connected(self, tell: Callable[[], None]) -> None:
        if self.faults.is_connected:
            tell()
        else:
            self._missed.append(tell)

    def send_execution(
        self,
        session: ClientSession,
        execution: GatewayExecution,
        order: GatewayOrder | None = None,
        price: float = 0.0,
    ) -> None:
        """Send an execution, the order's state and the commission, as the faults order them."""
        mode = self.faults.commission
        if mode in ("before", "alone"):
            session.send("CommissionAndFeesReport", **execution.report())
        if mode != "alone":
            session.send("ExecutionDetails", **self.execution_details(execution))
        if order is not None and not order.hidden:
            session.send("OpenOrder", **self.open_order(order))
            session.send("OrderStatus", **order.order_status(price))
        if mode == "after":
            session.send("CommissionAndFeesReport", **execution.report())

    def execution_details(self, execution: GatewayExecution, req_id: int = -1) -> Body:
        """Return the message about an execution, in answer to `req_id` if it was asked for."""
        future = self.futures.by_id(execution.con_id)
        time = execution_time(execution.time, self.settings.time_zone)
        return execution.details(future, self.account.id, time, req_id)

    def position(self, con_id: int) -> Body:
        """Return the message about what is held of a contract."""
        future, held = self.futures.by_id(con_id), self.account.positions.get(con_id)
        cost = held.cost * future.multiplier if held else 0.0
        return {
            "account": self.account.id,
            "contract": future.contract(),
            "position": str(held.quantity if held else 0),
            "avgCost": cost,
        }

    def _publish_positions(self, con_id: int) -> None:
        for session in self.started():
            if session.wants_positions:
                session.send("Position", **self.position(con_id))
        self._publish_portfolio(self, con_id)
