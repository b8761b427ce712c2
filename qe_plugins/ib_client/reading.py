"""ib_async's objects as the records of this package."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ib_async import IB, Client, Contract, Execution, Order, OrderState, Position, Ticker, Wrapper

from qe_plugins.ib_client.records import (
    BrokerExecution,
    BrokerOrder,
    BrokerPosition,
    BrokerQuote,
    Side,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

UNSET = 1.0e300
"""IB writes a price that is not set as the largest number there is."""


class ListedOrder:
    """An order as the gateway lists it in one answer."""

    def __init__(self, order_id: int, contract: Contract, order: Order, state: OrderState) -> None:
        self.order_id, self.contract, self.order = order_id, contract, order
        self.status, self.filled = state.status, 0.0


class ListingWrapper(Wrapper):
    """Keeps each order of an answer apart, whatever the order of its messages.

    ib_async knows orders by client id and order id, so that two orders of one id, which IB can hold
    after a modification that it did not confirm, would be one. An order that has no permanent id
    yet is listed by its other ids, until it has one.
    """

    listed: dict[int | tuple[int, int], ListedOrder]

    def reset(self) -> None:
        """Forget what the connection listed."""
        super().reset()  # type: ignore[no-untyped-call]
        self.forget()

    def forget(self) -> None:
        """Begin a new list."""
        self.listed = {}
        self._statuses: dict[int, tuple[str, float]] = {}

    def openOrder(  # noqa: N802 - ib_async's name
        self,
        orderId: int,  # noqa: N803
        contract: Contract,
        order: Order,
        orderState: OrderState,  # noqa: N803
    ) -> None:
        """Note an order that the gateway lists."""
        listed = ListedOrder(orderId, contract, order, orderState)
        if order.permId:
            self.listed.pop((order.clientId, orderId), None)
            listed.status, listed.filled = self._statuses.get(
                order.permId, (listed.status, listed.filled)
            )
        self.listed[order.permId or (order.clientId, orderId)] = listed
        super().openOrder(orderId, contract, order, orderState)

    def orderStatus(  # noqa: N802
        self,
        orderId: int,  # noqa: N803
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,  # noqa: N803
        permId: int,  # noqa: N803
        *rest: Any,
    ) -> None:
        """Note how far an order is."""
        if permId:
            self._statuses[permId] = status, filled
        if (listed := self.listed.get(permId)) is not None:
            listed.status, listed.filled = status, filled
        super().orderStatus(orderId, status, filled, remaining, avgFillPrice, permId, *rest)


class ListingClient(IB):
    """ib_async's client with a wrapper that keeps the orders of an answer apart."""

    wrapper: ListingWrapper

    def __init__(self) -> None:
        super().__init__()
        self.wrapper = ListingWrapper(self)
        self.client = Client(self.wrapper)  # type: ignore[no-untyped-call]
        self.client.apiEnd += self.disconnectedEvent
        self.is_reached = False
        self._reach = self.client.conn.connectAsync
        self.client.conn.connectAsync = self._reached  # type: ignore[method-assign]

    async def _reached(self, host: str, port: int) -> None:
        """Connect the socket, and note that a program listens there."""
        await self._reach(host, port)  # type: ignore[no-untyped-call]
        self.is_reached = True

    def forget_ended(self, client_id: int) -> None:
        """Drop what ib_async keeps of orders that have ended, so that a week does not grow.

        It learns of the end of its own client id's orders only, and at every answer adds each
        execution of the day again to the order that it keeps.
        """
        wrapper = self.wrapper
        listed = set(wrapper.listed)
        for key, trade in list(wrapper.trades.items()):
            is_ended = trade.isDone() or trade.order.clientId != client_id
            if is_ended and trade.order.permId not in listed:
                del wrapper.trades[key]
                wrapper.permId2Trade.pop(trade.order.permId, None)
            else:
                trade.fills.clear()
                del trade.log[:-1]
        wrapper.fills.clear()


def orders_of(listed: Iterable[ListedOrder], account: str) -> list[BrokerOrder]:
    """Return the orders of an account, oldest first."""
    found = [_order(one) for one in listed if one.order.account in ("", account)]
    return sorted(found, key=lambda one: one.perm_id)


def positions_of(answered: Iterable[Position], account: str) -> list[BrokerPosition]:
    """Return the positions of an account that are not flat; the last answer of each counts."""
    last = {one.contract.conId: one for one in answered if one.account == account}
    return [_position(one) for one in last.values() if one.position]


def execution_of(contract: Contract, found: Execution) -> BrokerExecution:
    """Return one fill."""
    return BrokerExecution(
        exec_id=found.execId,
        perm_id=found.permId,
        order_id=found.orderId,
        client_id=found.clientId,
        ref=found.orderRef,
        account=found.acctNumber,
        con_id=contract.conId,
        local_symbol=contract.localSymbol,
        side="BUY" if found.side == "BOT" else "SELL",
        quantity=_exact(found.shares),
        price=_exact(found.price),
        time_ns=int(found.time.timestamp()) * 1_000_000_000,
    )


def quote_of(ticker: Ticker, local_symbol: str, age: float | None) -> BrokerQuote:
    """Return the last prices of a ticker."""
    return BrokerQuote(
        local_symbol=local_symbol,
        bid=_price(ticker.bid),
        ask=_price(ticker.ask),
        last=_price(ticker.last),
        age=age,
    )


def _order(listed: ListedOrder) -> BrokerOrder:
    order = listed.order
    return BrokerOrder(
        perm_id=order.permId,
        order_id=listed.order_id,
        client_id=order.clientId,
        ref=order.orderRef,
        account=order.account,
        con_id=listed.contract.conId,
        local_symbol=listed.contract.localSymbol,
        side=_side(order.action),
        kind=order.orderType,
        quantity=_exact(order.totalQuantity),
        filled=_exact(listed.filled),
        limit_price=_price(order.lmtPrice) if order.orderType in LIMITED else None,
        stop_price=_price(order.auxPrice) if order.orderType in STOPPED else None,
        status=listed.status,
        parent_id=order.parentId,
        oca_group=order.ocaGroup,
        outside_rth=bool(order.outsideRth),
        time_in_force=order.tif,
    )


LIMITED = ("LMT", "STP LMT", "LIT", "TRAIL LIMIT")
STOPPED = ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT")


def _position(found: Position) -> BrokerPosition:
    contract = found.contract
    multiplier = Decimal(contract.multiplier or 1)
    return BrokerPosition(
        account=found.account,
        con_id=contract.conId,
        local_symbol=contract.localSymbol,
        symbol=contract.symbol,
        exchange=contract.exchange,
        currency=contract.currency,
        kind=contract.secType,
        multiplier=multiplier,
        quantity=_exact(found.position),
        average_price=_exact(found.avgCost) / multiplier,
    )


def _side(action: str) -> Side:
    return "BUY" if action == "BUY" else "SELL"


def _exact(number: float | Decimal) -> Decimal:
    return Decimal(str(number)).normalize() + 0


def _price(number: float | Decimal | None) -> Decimal | None:
    """Return a price; None for one that is not set or not known."""
    if number is None or number != number or float(number) > UNSET:
        return None
    return _exact(number)
