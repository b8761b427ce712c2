"""The orders at the broker: brackets, OCA groups, triggers and fills.

A bracket is kept until its last order says `transmit`; its children work once the parent has
filled, for no more than it has filled. A stop triggers in the regular session only, unless the
order says `outsideRth`; market and limit orders fill whenever the market is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from qe_plugins.testing.tws.exchange.futures import FutureListing
from qe_plugins.testing.tws.exchange.hours import GatewayHours, trading_date
from qe_plugins.testing.tws.exchange.orders import ENDED, STOPS, TYPES, GatewayOrder
from qe_plugins.testing.tws.exchange.prices import GatewayQuote, Market, is_on_tick

MOST_ACTIVE = 20
NOT_YET = "Order Message:\n{side} {size} {symbol}\nWarning: Your order will not be placed at the \
exchange until {time:%Y-%m-%d %H:%M:%S} US/Central."


class OrderReports(Protocol):
    """What the book calls when something happened."""

    def status_changed(self, order: GatewayOrder, last_price: float = 0.0) -> None: ...

    def filled(self, order: GatewayOrder, quantity: int, price: float) -> None: ...

    def noticed(self, order: GatewayOrder, code: int, text: str) -> None: ...


class OrderBook:
    """All orders of the account, ended ones included."""

    def __init__(
        self, futures: FutureListing, market: Market, hours: GatewayHours, reports: OrderReports
    ) -> None:
        self.orders: list[GatewayOrder] = []
        self._live: list[GatewayOrder] = []
        self._newest: dict[tuple[int, int], GatewayOrder] = {}
        self.hold_fills = False
        self.most_per_fill = 0
        self.delay = 0.0
        self._futures, self._market, self._hours = futures, market, hours
        self._reports = reports

    def restore(self, orders: list[GatewayOrder]) -> None:
        """Continue with the orders of before a restart."""
        self.orders, self._live, self._newest = [], [], {}
        for order in orders:
            self._keep(order)

    def open_orders(self) -> list[GatewayOrder]:
        """Return the orders that work or wait to."""
        self._live = [one for one in self._live if one.status not in ENDED]
        return [one for one in self._live if one.transmitted]

    def find(self, client_id: int, order_id: int) -> GatewayOrder | None:
        """Return a client's newest order of this id."""
        return self._newest.get((client_id, order_id))

    def forget(self, order: GatewayOrder) -> None:
        """Drop an order that was never transmitted."""
        self.orders.remove(order)
        self._live.remove(order)
        del self._newest[order.client_id, order.order_id]

    def keep_incarnation(self, order: GatewayOrder) -> None:
        """Let an older state of an order live on; `find` returns the newer one still."""
        self.orders.append(order)
        self._live.append(order)

    def refusal(self, order: GatewayOrder) -> tuple[int, str] | None:
        """Return the code and text with which IB rejects `order`, or None."""
        if order.type not in TYPES:
            return 387, "Unsupported order type for this exchange and security type."
        if order.quantity <= 0:
            return 434, "The order size cannot be zero."
        prices = [order.limit if "LMT" in order.type else None]
        prices.append(order.stop if order.type in STOPS else None)
        if any(price is not None and not is_on_tick(price) for price in prices):
            return (
                110,
                "The price does not conform to the minimum price variation for this contract.",
            )
        if order.type == "LMT" and order.limit is None:
            return 321, "Error validating request.-'bW' : cause - Please enter a limit price."
        if order.type == "STP" and order.stop is None:
            return 321, "Error validating request.-'bW' : cause - Please enter a stop price."
        active = [
            one
            for one in self.open_orders()
            if one.con_id == order.con_id and one.is_buy == order.is_buy
        ]
        if len(active) >= MOST_ACTIVE:
            return 201, f"Order rejected - reason:{MOST_ACTIVE} orders are active on this side."
        return None

    def add(self, order: GatewayOrder, now: float) -> None:
        """Take an order that is not refused, and transmit its family if it says so."""
        self._keep(order)
        if not order.fields.get("transmit", True):
            return
        family = [one for one in self._family(order) if not one.transmitted]
        for one in family:
            one.transmitted = True
        for one in family:
            if one.is_open:  # a parent that filled at once has activated it
                self._activate(one, now)

    def modify(self, order: GatewayOrder, fields: dict[str, object], now: float) -> None:
        """Replace the order's fields, keeping what is filled."""
        order.fields = {**fields}
        order.resting = False
        self._activate(order, now)

    def cancel(self, order: GatewayOrder, now: float, reason: str = "") -> None:
        """End the order; children of a parent that never filled end with it."""
        if not order.is_open:
            return
        order.status, order.completed, order.reason = "Cancelled", now, reason
        order.why_held = ""
        self._reports.noticed(order, 202, f"Order Canceled - reason:{reason}")
        self._reports.status_changed(order)
        for child in self._children(order):
            if order.filled <= child.filled:
                self.cancel(child, now)
            elif child.quantity > order.filled:  # the exits of what was filled stay
                child.reduce_to(order.filled)
                self._reports.status_changed(child)

    def match(self, now: float) -> None:
        """Fill what the current prices fill."""
        for order in self.open_orders():
            if order.is_open:  # an OCA group may have ended it meanwhile
                self._match(order, now)

    def expire(self, now: float) -> None:
        """Cancel the day orders of past sessions."""
        today = trading_date(now)
        for order in self.open_orders():
            if order.is_day_order and trading_date(order.placed) < today:
                self.cancel(order, now, "expired")

    def _keep(self, order: GatewayOrder) -> None:
        self.orders.append(order)
        if order.status not in ENDED:
            self._live.append(order)
        self._newest[order.client_id, order.order_id] = order

    def _activate(self, order: GatewayOrder, now: float) -> None:
        parent = self._parent(order)
        if parent is not None and parent.is_open and not parent.filled:
            order.status, order.why_held = "PreSubmitted", "child"
        elif not self._hours.is_open(now):
            order.status, order.why_held = "PreSubmitted", ""
            symbol = self._futures.by_id(order.con_id).local_symbol
            side, until = order.fields.get("action"), self._hours.next_open(now)
            text = NOT_YET.format(side=side, size=order.quantity, symbol=symbol, time=until)
            self._reports.noticed(order, 399, text)
        elif order.type in STOPS and not order.triggered:
            order.status, order.why_held = "PreSubmitted", "trigger"
        else:
            order.status, order.why_held = "Submitted", ""
        self._reports.status_changed(order)
        self._match(order, now)
        if order.is_open and order.fields.get("tif") == "IOC":
            self.cancel(order, now)
        order.resting = True

    def _match(self, order: GatewayOrder, now: float) -> None:
        if self.hold_fills or now < order.placed + self.delay or not self._hours.is_open(now):
            return
        allowed = order.remaining
        parent = self._parent(order)
        if parent is not None and parent.is_open:
            allowed = min(allowed, parent.filled - order.filled)
        if allowed <= 0:
            return
        quote = self._market.quote(self._futures.by_id(order.con_id))
        price = self._price(order, quote, now)
        if price is None:
            return
        if self.most_per_fill:
            allowed = min(allowed, self.most_per_fill)
        self._fill(order, allowed, price, now)

    def _price(self, order: GatewayOrder, quote: GatewayQuote, now: float) -> float | None:
        if order.type in STOPS and not order.triggered:
            if not (order.outside_regular_hours or self._hours.is_regular(now)):
                return None
            if not self._triggers(order, quote):
                return None
            order.triggered, order.status, order.why_held = True, "Submitted", ""
        near = quote.ask if order.is_buy else quote.bid
        if order.limit is None or order.type in ("MKT", "STP", "TRAIL"):
            return near
        crossed = near <= order.limit if order.is_buy else near >= order.limit
        if not crossed:
            return None
        return order.limit if order.resting else near

    def _triggers(self, order: GatewayOrder, quote: GatewayQuote) -> bool:
        if order.type == "TRAIL":
            _trail(order, quote)
        stop = order.stop
        if stop is None:
            return False
        return quote.last >= stop if order.is_buy else quote.last <= stop

    def _fill(self, order: GatewayOrder, quantity: int, price: float, now: float) -> None:
        order.filled += quantity
        order.value += quantity * price
        if order.remaining == 0:
            order.status, order.completed, order.why_held = "Filled", now, ""
        else:
            order.status, order.why_held = "Submitted", ""
        self._reports.filled(order, quantity, price)
        for other in list(self._one_cancels(order)):
            if not other.is_open:
                continue
            rest = other.quantity - quantity
            if order.remaining == 0 or rest <= other.filled:
                self.cancel(other, now)
            else:
                other.reduce_to(rest)
                self._reports.status_changed(other)
        for child in self._children(order):
            if child.is_open and child.why_held == "child":
                self._activate(child, now)

    def _one_cancels(self, order: GatewayOrder) -> Iterator[GatewayOrder]:
        """Yield the open orders that a fill of `order` reduces or ends."""
        for other in self.open_orders():
            if other is order or other.con_id != order.con_id:
                continue
            if order.order_id and (other.client_id, other.order_id) == (
                order.client_id,
                order.order_id,
            ):
                continue  # another incarnation of it
            siblings = order.parent_id and (
                (other.client_id, other.parent_id) == (order.client_id, order.parent_id)
            )
            grouped = order.oca_group and other.oca_group == order.oca_group
            if siblings or grouped:
                yield other

    def _parent(self, order: GatewayOrder) -> GatewayOrder | None:
        return self.find(order.client_id, order.parent_id) if order.parent_id else None

    def _children(self, order: GatewayOrder) -> list[GatewayOrder]:
        if not order.order_id:
            return []
        return [
            one
            for one in self.open_orders()
            if one.client_id == order.client_id and one.parent_id == order.order_id
        ]

    def _family(self, order: GatewayOrder) -> list[GatewayOrder]:
        """Return the order, its parent and siblings, parents first."""
        head = order.parent_id or order.order_id
        return [
            one
            for one in self._live
            if one.client_id == order.client_id
            and (one is order or (head and head in (one.order_id, one.parent_id)))
        ]


def _trail(order: GatewayOrder, quote: GatewayQuote) -> None:
    offset = float(order.fields.get("auxPrice") or 0)
    stop = quote.last + offset if order.is_buy else quote.last - offset
    current = order.stop
    if current is None or (stop < current if order.is_buy else stop > current):
        order.fields["trailStopPrice"] = stop
