"""A connection to the gateway on a thread of its own, whose answers can be waited for."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from qe_plugins.ib_client.loop_thread import LoopThread
from qe_plugins.ib_client.records import (
    BrokerEndpoint,
    BrokerEvent,
    BrokerPosition,
    BrokerQuote,
    BrokerSnapshot,
    BrokerState,
    BrokerUnknown,
)

if TYPE_CHECKING:
    from ib_async import Contract

    from qe_plugins.ib_client.quotes import QuoteBook
    from qe_plugins.ib_client.reading import ListingClient

LOST, RESTORED_WITHOUT_DATA, RESTORED, TAKEN = 1100, 1101, 1102, 326
BROKEN, FARM_OK = 2110, 2104  # no connection to IB, as a client that connects is told; a farm is up
BACK = (RESTORED, RESTORED_WITHOUT_DATA)
GONE = 0
"""The code of the event that the connection to the gateway is lost."""

EXCHANGE = "CME"
TIMEOUT = 5.0
HINTS: dict[BrokerState, str] = {
    "down": "Start the gateway, or look at host and port.",
    "not_logged_in": "Log in at the gateway: it waits for a person.",
    "client_id_taken": "Another program is connected with this client id: end it.",
    "wrong_account": "Look at the account's id in the configuration.",
    "cut": "IB itself is not connected; its orders go on working at the exchange.",
}

type Listener = Callable[[BrokerEvent], object]


class BrokerConnection:
    """One client of the gateway. Every method may be called from any thread, and none hangs.

    A question opens the connection where it is closed. Where the broker does not answer in time the
    connection is closed, since a late answer would be taken for that of the next question.
    `on_event` is called on the connection's thread, at once, with what the broker says by itself.
    """

    def __init__(self, endpoint: BrokerEndpoint, on_event: Listener = lambda event: None) -> None:
        self.endpoint = endpoint
        self._on_event = on_event
        self._state: BrokerState = "closed"
        self._client: ListingClient | None = None
        self._quotes: QuoteBook | None = None
        self._asked: set[str] = set()
        self._codes: list[int] = []
        self._cut_by = 0
        self._refuse: Callable[[], object] = lambda: None
        importlib.import_module("ib_async")  # it takes a while, which is no part of a time-out
        logging.getLogger("ib_async").setLevel(logging.CRITICAL)
        self._thread = LoopThread("qe-ib-client")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> BrokerState:
        """Return the state of the connection, as last seen."""
        return self._state

    def open(self, timeout: float = TIMEOUT) -> None:
        """Connect unless it is connected. Raises BrokerUnknown with the reason where it cannot."""
        self._call(self._opened(timeout), timeout)

    def snapshot(self, timeout: float = TIMEOUT) -> BrokerSnapshot:
        """Return the account's open orders of all client ids, its positions and executions.

        Raises BrokerUnknown where one answer is missing or contradicts what the broker said before.
        """
        return self._call(self._snapshot(timeout), timeout)

    def cancel_all(self, timeout: float = TIMEOUT) -> None:
        """Send IB's global cancel: every open order of the account, of any client id.

        Returns once it is sent. Raises BrokerUnknown where it could not be.
        """

        async def send() -> None:
            client = await self._opened(timeout)
            client.client.reqGlobalCancel()  # type: ignore[no-untyped-call]

        self._call(send(), timeout)

    def cancel(self, order_id: int, timeout: float = TIMEOUT) -> None:
        """Send the cancellation of one order of this client id. Returns once it is sent."""

        async def send() -> None:
            client = await self._opened(timeout)
            client.client.cancelOrder(order_id, "")  # type: ignore[no-untyped-call]

        self._call(send(), timeout)

    def market_close(
        self, position: BrokerPosition, *, ref: str = "", timeout: float = TIMEOUT
    ) -> int:
        """Send a market order that closes a position; return its order id once it is sent.

        It is not known to be filled: read a snapshot, and never send it a second time unseen.
        """
        from ib_async import Contract, MarketOrder

        async def send() -> int:
            client = await self._opened(timeout)
            contract = Contract(
                conId=position.con_id,
                secType=position.kind,
                symbol=position.symbol,
                localSymbol=position.local_symbol,
                currency=position.currency,
                exchange=position.exchange or await self._exchange(client, position.con_id),
            )
            side = "SELL" if position.quantity > 0 else "BUY"
            order = MarketOrder(
                side, float(abs(position.quantity)), account=position.account, orderRef=ref
            )
            return int(client.placeOrder(contract, order).order.orderId)

        return self._call(send(), timeout)

    def subscribe(self, local_symbol: str, timeout: float = TIMEOUT) -> None:
        """Have quotes of `MESZ6` sent, also after the connection was lost.

        Raises BrokerUnknown where IB does not know exactly one such contract.
        """

        async def ask() -> None:
            client = await self._opened(timeout)
            await self._subscribed(client, local_symbol, timeout)

        self._asked.add(local_symbol)
        self._call(ask(), timeout)

    def quotes(self) -> dict[str, BrokerQuote]:
        """Return the last quote of each contract that was subscribed to, with its age."""
        return {} if self._quotes is None else self._quotes.quotes(sorted(self._asked))

    def server_time(self, timeout: float = TIMEOUT) -> float:
        """Return the gateway's time in seconds since 1970, to the second. Raises BrokerUnknown."""

        async def ask() -> float:
            client = await self._opened(timeout)
            answer = await self._answer(client.reqCurrentTimeAsync(), "the time", timeout)
            return float(answer.timestamp())

        return self._call(ask(), timeout)

    def close(self) -> None:
        """Disconnect and end the thread. A second call does nothing."""
        self._thread.close(lambda: self._drop("closed"))

    def _call[T](self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine on the connection's thread, one at a time, and return its answer."""
        try:
            return self._thread.call(work, timeout, lambda: self._drop("closed"))
        except TimeoutError:
            raise self._unknown(f"it did not answer within {timeout:g} s") from None
        except OSError as error:
            raise self._unknown(str(error) or type(error).__name__) from error
        except RuntimeError as error:
            raise self._unknown("the connection is closed") from error

    async def _opened(self, timeout: float) -> ListingClient:
        """Return the connected client, connecting where it is not."""
        if self._client is not None and self._client.isConnected():
            return self._client
        from qe_plugins.ib_client.quotes import QuoteBook
        from qe_plugins.ib_client.reading import ListingClient

        self._drop("closed")
        at, client = self.endpoint, ListingClient()
        self._codes.clear()
        self._cut_by = 0
        client.errorEvent += self._on_code
        try:
            await self._connected(client, timeout)
        except BaseException:
            client.disconnect()
            raise
        self._client = client
        client.disconnectedEvent += lambda: self._on_lost(client)
        if at.account not in client.managedAccounts():
            logins = ", ".join(client.managedAccounts())
            self._drop("wrong_account")
            raise self._unknown(f"account {at.account} is not of this login, which has {logins}")
        self._state = "cut" if self._cut_by else "connected"
        self._quotes = self._quotes or QuoteBook()
        client.pendingTickersEvent += self._quotes.note
        for name in sorted(self._asked):
            with suppress(BrokerUnknown):
                await self._subscribed(client, name, timeout)
        return client

    async def _connected(self, client: ListingClient, timeout: float) -> None:
        from ib_async import StartupFetchNONE

        at = self.endpoint
        connecting = asyncio.ensure_future(
            client.connectAsync(
                at.host,
                at.port,
                at.client_id,
                timeout=timeout * 0.8,  # before the caller gives up, so that the reason is known
                raiseSyncErrors=True,
                fetchFields=StartupFetchNONE,
            )
        )
        self._refuse = connecting.cancel
        try:
            await connecting
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and TAKEN not in self._codes:
                raise
            if TAKEN in self._codes:
                self._state, message = "client_id_taken", f"client id {at.client_id} is in use"
            elif client.is_reached:
                self._state, message = "not_logged_in", "it is up and does not answer"
            else:
                self._state, message = "down", "no program listens there"
            raise self._unknown(message) from error

    async def _snapshot(self, timeout: float) -> BrokerSnapshot:
        from qe_plugins.ib_client.reading import execution_of, orders_of, positions_of

        client, account = await self._opened(timeout), self.endpoint.account
        if self._state == "cut":
            raise self._unknown("it has lost its connection to IB (1100)")
        at_ns = time.time_ns()
        client.wrapper.forget()
        await self._answer(client.reqAllOpenOrdersAsync(), "the open orders", timeout)
        listed = list(client.wrapper.listed.values())
        held = await self._answer(client.reqPositionsAsync(), "the positions", timeout)
        known = {one.contract.conId for one in client.positions(account)}
        if known - {one.contract.conId for one in held}:
            self._drop("closed")
            raise self._unknown("it does not list a position that it has said there is")
        fills = await self._answer(client.reqExecutionsAsync(), "the executions", timeout)
        client.forget_ended(self.endpoint.client_id)
        orders = orders_of(listed, account)
        return BrokerSnapshot(
            account=account,
            orders=orders,
            elsewhere=len(listed) - len(orders),
            positions=positions_of(held, account),
            executions=[
                execution_of(one.contract, one.execution)
                for one in fills
                if one.execution.acctNumber == account
            ],
            at_ns=at_ns,
        )

    async def _answer[T](self, question: Awaitable[T], what: str, timeout: float) -> T:
        try:
            return await asyncio.wait_for(question, timeout)
        except TimeoutError:
            self._drop("closed")
            raise self._unknown(f"it did not answer for {what} within {timeout:g} s") from None

    async def _exchange(self, client: ListingClient, con_id: int) -> str:
        """Return the exchange of a contract: a position has none."""
        from ib_async import Contract

        asked = client.reqContractDetailsAsync(Contract(conId=con_id))
        found = await self._answer(asked, f"contract {con_id}", TIMEOUT)
        return (found[0].contract.exchange if found and found[0].contract else "") or EXCHANGE

    async def _subscribed(self, client: ListingClient, local_symbol: str, timeout: float) -> None:
        from ib_async import Future

        asked: Contract = Future(localSymbol=local_symbol, exchange=EXCHANGE)
        found = await self._answer(client.reqContractDetailsAsync(asked), local_symbol, timeout)
        if len(found) != 1 or found[0].contract is None:
            raise self._unknown(f"it knows {len(found)} contracts named {local_symbol}")
        assert self._quotes is not None
        self._quotes.ask(client, local_symbol, found[0].contract)

    def _on_code(self, order_id: int, code: int, text: str, *_: object) -> None:
        self._codes = [*self._codes[-20:], code]
        if code == TAKEN:
            self._refuse()
        if code in (LOST, BROKEN):
            self._state, self._cut_by = "cut", code
        elif code in BACK or (code == FARM_OK and self._cut_by == BROKEN):
            self._cut_by = 0
            if self._state == "cut":
                self._state = "connected"
        if code == RESTORED_WITHOUT_DATA and self._client and self._quotes:
            self._quotes.ask_again(self._client)
        about = None if order_id < 0 else order_id
        self._notify(BrokerEvent(code=code, text=text, at_ns=time.time_ns(), order_id=about))

    def _on_lost(self, client: ListingClient) -> None:
        if client is self._client:
            self._client, self._state = None, "closed"
            text = "the connection to the gateway is lost"
            self._notify(BrokerEvent(code=GONE, text=text, at_ns=time.time_ns()))

    def _notify(self, event: BrokerEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # the connection must outlive its listener
            logging.getLogger(__name__).exception("a listener failed for %s", event)

    def _drop(self, state: BrokerState) -> None:
        client, self._client = self._client, None
        self._state = state
        if self._quotes is not None:
            self._quotes.forget()
        if client is not None:
            client.disconnect()

    def _unknown(self, message: str) -> BrokerUnknown:
        at = self.endpoint
        return BrokerUnknown(
            f"{message}.", where=f"{at.host}:{at.port}", hint=HINTS.get(self._state)
        )
