"""One attempt of the engine to fill an order: the order's terms and the market's price.

Prices are counted in ticks as a cost: positive for a buyer, negative for a seller. A higher cost is
always worse for the order, so that no comparison needs a case per side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import (
    BookOrder,
    BookType,
    OrderBook,
    OrderSide,
    OrderType,
    OrderUpdated,
    Price,
    Quantity,
)

if TYPE_CHECKING:
    from qe_plugins.engine.simulation.chunk_bars import BarRow

TOUCHED = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
TRAILING = frozenset({OrderType.TRAILING_STOP_MARKET, OrderType.TRAILING_STOP_LIMIT})

type Levels = Sequence[tuple[int, Quantity]]
"""Prices as costs in ticks, the best first, and the contracts that fill at each."""


class MarketSide(Protocol):
    """The simulated market as an attempt uses it."""

    by_ticks: bool
    clock: Any

    def phase(self, contract: str, ts: int, /) -> tuple[BarRow | None, bool]:
        """Return the bar that closes at `ts` and whether strategies have received it."""

    def own_limit(self, order: Any, /) -> int | None:
        """Return a repriced order's own limit as a cost in ticks, None for any other order."""


class FillAttempt:
    """One attempt to fill an order. Prices are costs in ticks; times are UTC nanoseconds.

    An order `arrives` when it is sent or changed, and is matched at the last price; one that
    `rested` is matched by trades. It is `idle` while nothing trades: the engine matches it again
    when any other order arrives.
    """

    def __init__(self, instrument: Any, order: Any, best: Price, model: MarketSide) -> None:
        self.order, self.contract = order, instrument.id
        self._tick = instrument.price_increment.as_double()
        self._precision = instrument.price_precision
        self._sign = 1 if order.is_buy else -1
        self.ts: int = model.clock.timestamp_ns()
        self.best = self.cost(best)
        limit, trigger = getattr(order, "price", None), getattr(order, "trigger_price", None)
        own = model.own_limit(order)
        self.limit = own if limit is None or own is not None else self.cost(limit)
        self.trigger = None if trigger is None else self.cost(trigger)
        accepted = order.ts_accepted
        self.rested = accepted is not None and accepted < self.ts
        self.bar, received = model.phase(str(instrument.id), self.ts)
        self.open = None if self.bar is None else self.cost(self.bar.open)
        trades = model.by_ticks or (self.bar is not None and not received)
        self.changed = self.rested and not trades and self._was_updated(last=True)
        self.idle = self.rested and not trades and not self.changed
        inside = self.bar is not None and trades and self.best != self.open
        self.arrives = self.changed or not (self.rested or inside)

    def is_over(self) -> bool:
        """Return whether the order's time was over before the bar closed, or the quote came."""
        expires = expiry_of(self.order)
        return expires is not None and self.ts > expires

    def is_reached(self, *, through: bool) -> bool:
        """Return whether what trades now reaches the limit, or goes `through` it.

        The engine also matches an order against the bar before while another contract's orders
        arrive.
        """
        assert self.limit is not None
        best = self.best
        if self.bar is not None:
            lowest = min(self.cost(self.bar.low), self.cost(self.bar.high))
            best = max(best, lowest)
        return best < self.limit or (best == self.limit and not through)

    def is_triggered_now(self) -> bool:
        """Return whether the order was triggered at this moment."""
        return bool(self.order.ts_triggered == self.ts)

    def unslipped(self) -> int:
        """Return the price at which the order takes the market, before it slips.

        Inside a bar the price passed the trigger on its way; at the open it may have jumped over.
        """
        if self.trigger is None or self.open is None or self.arrives:
            return self.best
        if self.rested and self._is_beyond(self.open) and not self._has_moved():
            return self.open
        return self.trigger

    def book(self, levels: Levels) -> OrderBook:
        """Return a book of `levels` on the side that the order takes from."""
        book = OrderBook(self.contract, BookType.L2_MBP)
        side = OrderSide.SELL if self.order.is_buy else OrderSide.BUY
        for number, (cost, size) in enumerate(levels):
            book.add(BookOrder(side, self.price(cost), size, number + 1), 0, 0, 0)
        return book

    def price(self, cost: int) -> Price:
        """Return a cost in ticks as a price."""
        return Price(cost * self._sign * self._tick, self._precision)

    def cost(self, price: Price | float) -> int:
        """Return a price as a cost in ticks."""
        points = price if isinstance(price, float) else price.as_double()
        ticks: int = round(points / self._tick)
        return self._sign * ticks

    def _is_beyond(self, price: int) -> bool:
        assert self.trigger is not None
        touched = self.order.order_type in TOUCHED
        return price <= self.trigger if touched else price >= self.trigger

    def _has_moved(self) -> bool:
        """Return whether a trailing trigger moved inside this bar: it was not there at the open."""
        return self.order.order_type in TRAILING and self._was_updated()

    def _was_updated(self, *, last: bool = False) -> bool:
        """Return whether the order was updated at this moment, or by its last event."""
        order = self.order
        events = [order.last_event] if last else order.events()
        return order.ts_last == self.ts and any(
            isinstance(event, OrderUpdated) and event.ts_event == self.ts for event in events
        )


def expiry_of(order: Any) -> int | None:
    """Return until when (UTC nanoseconds) an order is good, None where it has no such time."""
    for name in ("expire_time_ns", "expire_time"):
        if expires := getattr(order, name, None):
            return int(expires)
    return None
