"""The account at the broker: positions, executions, money."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qe_plugins.testing.tws.exchange.futures import FutureListing, ListedFuture
from qe_plugins.testing.tws.exchange.orders import GatewayOrder
from qe_plugins.testing.tws.wire.messages import Body

Marks = Callable[[ListedFuture], float]
"""The price at which a position in a contract is valued."""


class GatewayExecution(msgspec.Struct):
    """One execution; `realized` is None where nothing was closed.

    `lost` hides it from clients for ever: the execution of a 1100 window that is never reported.
    """

    exec_id: str
    con_id: int
    order_id: int
    client_id: int
    perm_id: int
    time: float
    is_buy: bool
    quantity: int
    price: float
    cumulative: int
    average: float
    order_ref: str
    commission: float
    realized: float | None = None
    lost: bool = False

    def details(self, future: ListedFuture, account: str, time: str, req_id: int = -1) -> Body:
        """Return the message about the execution, `time` being its time as the client reads it."""
        return {
            "reqId": req_id,
            "contract": future.contract(),
            "execution": {
                "orderId": self.order_id,
                "execId": self.exec_id,
                "time": time,
                "acctNumber": account,
                "exchange": "CME",
                "side": "BOT" if self.is_buy else "SLD",
                "shares": str(self.quantity),
                "price": self.price,
                "permId": self.perm_id,
                "clientId": self.client_id,
                "cumQty": str(self.cumulative),
                "avgPrice": self.average,
                "orderRef": self.order_ref,
                "evMultiplier": 0.0,
                "lastLiquidity": 2,
            },
        }

    def report(self) -> Body:
        """Return the message about its commission."""
        body: Body = {
            "execId": self.exec_id,
            "commissionAndFees": self.commission,
            "currency": "USD",
        }
        if self.realized is not None:
            body["realizedPNL"] = self.realized
        return body


class GatewayPosition(msgspec.Struct):
    """What is held of a contract; `cost` is the average price in points, with commissions."""

    quantity: int = 0
    cost: float = 0.0


class GatewayAccount:
    """Cash, positions and executions of the one account."""

    def __init__(self, account: str, cash: float, futures: FutureListing) -> None:
        self.id = account
        self.cash = cash
        self.realized = 0.0
        self.positions: dict[int, GatewayPosition] = {}
        self.executions: list[GatewayExecution] = []
        self.zero_margin = False
        self._futures = futures

    def book(
        self, order: GatewayOrder, quantity: int, price: float, now: float
    ) -> GatewayExecution:
        """Return the execution of `quantity` at `price`, with cash and position changed by it."""
        future = self._futures.by_id(order.con_id)
        commission = round(future.commission * quantity, 2)
        realized = self._change(future, quantity if order.is_buy else -quantity, price)
        if realized is not None:
            self.realized += realized
        order.fills += 1
        execution = GatewayExecution(
            exec_id=f"0000e0d5.{order.perm_id:08x}.{order.fills:02d}.01",
            con_id=order.con_id,
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            time=now,
            is_buy=order.is_buy,
            quantity=quantity,
            price=price,
            cumulative=order.filled,
            average=order.average_price,
            order_ref=str(order.fields.get("orderRef", "")),
            commission=commission,
            realized=realized,
        )
        self.executions.append(execution)
        return execution

    def net(self, con_id: int) -> int:
        """Return the signed number of contracts held."""
        held = self.positions.get(con_id)
        return held.quantity if held else 0

    def unrealized(self, marks: Marks) -> float:
        """Return the open profit in dollars."""
        total = 0.0
        for con_id, held in self.positions.items():
            future = self._futures.by_id(con_id)
            total += (marks(future) - held.cost) * held.quantity * future.multiplier
        return total

    def net_liquidation(self, marks: Marks) -> float:
        """Return cash and open profit in dollars."""
        return self.cash + self.unrealized(marks)

    def margin(self) -> float:
        """Return the initial margin of what is held, in dollars."""
        if self.zero_margin:
            return 0.0
        return sum(
            abs(held.quantity) * self._futures.by_id(con_id).margin
            for con_id, held in self.positions.items()
        )

    def values(self, marks: Marks) -> dict[str, float]:
        """Return the figures of the account by IB's names, in dollars."""
        net, margin = self.net_liquidation(marks), self.margin()
        free = net - margin
        return {
            "NetLiquidation": net,
            "TotalCashValue": self.cash,
            "SettledCash": self.cash,
            "AccruedCash": 0.0,
            "BuyingPower": free,
            "EquityWithLoanValue": net,
            "GrossPositionValue": 0.0,
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "AvailableFunds": free,
            "ExcessLiquidity": free,
            "FullInitMarginReq": margin,
            "FullMaintMarginReq": margin,
            "FullAvailableFunds": free,
            "FullExcessLiquidity": free,
            "Cushion": free / net if net else 0.0,
            "RealizedPnL": self.realized,
            "UnrealizedPnL": self.unrealized(marks),
        }

    def _change(self, future: ListedFuture, signed: int, price: float) -> float | None:
        held = self.positions.setdefault(future.con_id, GatewayPosition())
        fee = future.commission / future.multiplier
        cost = price + fee if signed > 0 else price - fee
        closing = min(abs(signed), abs(held.quantity)) if held.quantity * signed < 0 else 0
        opening = abs(signed) - closing
        realized = None
        if closing:
            direction = 1 if held.quantity > 0 else -1
            realized = (cost - held.cost) * direction * closing * future.multiplier
            self.cash += realized
        total = abs(held.quantity) - closing + opening
        if opening:
            before = abs(held.quantity) - closing
            held.cost = (held.cost * before + cost * opening) / (before + opening)
        held.quantity += signed
        if total == 0:
            del self.positions[future.con_id]
        return realized
