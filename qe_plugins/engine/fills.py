"""Simulate fills: Nautilus' own, moved against the trader by what `slippage:` asks.

Only what takes the market slips: market orders, stops, and what was triggered. The price of a
limit order is a promise. Nothing here is random.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from nautilus_trader.execution import FillModel
from nautilus_trader.model import (
    Bar,
    BookOrder,
    BookType,
    OrderBook,
    OrderSide,
    OrderType,
    Price,
    Quantity,
)

from qe_plugins.config.schema import Slippage
from qe_plugins.engine.alarm import Alarm
from qe_plugins.engine.recorder import SETTLES
from qe_plugins.engine.slippage import against

RESTING = frozenset({OrderType.LIMIT, OrderType.MARKET_TO_LIMIT})
TOUCHED = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
DEEP = Quantity.from_int(1_000_000_000)
TAIL = 100  # records of a piece to look for each contract's last bar in


class Fills(FillModel):
    """Moves fills by whole ticks, and fills triggered limit orders as an exchange would.

    Nautilus fills a stop-limit that waits beyond its limit, and a target that is released inside a
    bar, at the best price the bar reaches; an exchange fills them at their limit. One tick is left
    to Nautilus, which then slips by itself. `clock` is any component's: it tells which bar is being
    filled on.
    """

    alarm: Alarm
    clock: Any

    def __init__(self, slippage: Slippage) -> None:
        self._slippage = slippage
        self._by_one = slippage.model == "ticks" and slippage.ticks == 1
        self._slips = False
        self._piece: Sequence[Any] = ()
        self._last: dict[Any, Bar] = {}

    def feed(self, piece: Sequence[Any]) -> None:
        """Take the records that the engine hears next, in time order."""
        bars = (record for record in self._piece[-TAIL:] if isinstance(record, Bar))
        self._last.update((bar.bar_type.instrument_id, bar) for bar in bars)
        self._piece = piece

    def is_slipped(self) -> bool:
        return self._slips

    def is_limit_filled(self) -> bool:
        return self._slippage.limits == "touched"

    def get_orderbook_for_fill_simulation(
        self,
        _instrument: Any,
        _order: Any,
        _best_bid: Price | None = None,
        _best_ask: Price | None = None,
    ) -> OrderBook | None:
        """Return a book with one price, or None where Nautilus' own price stands."""
        try:
            return self._simulated(_instrument, _order, _best_ask if _order.is_buy else _best_bid)
        except Exception as error:  # the engine would leave the order as it is, and go on
            self.alarm.ring(self, error, _order)
            raise

    def shutdown_system(self, reason: str) -> None:
        """A model cannot stop the engine: the runner sees the alarm after the piece."""

    def _simulated(self, instrument: Any, order: Any, best: Price | None) -> OrderBook | None:
        self._slips = False
        if best is None or settles(order):
            return None
        limit: Any = getattr(order, "price", None)
        if order.order_type in RESTING:
            return book_of(instrument, order, limit) if self._is_released(order) else None
        if limit is None and self._by_one:
            self._slips = True
            return None
        return book_of(instrument, order, self._price(instrument, order, best, limit))

    def _price(self, instrument: Any, order: Any, best: Price, limit: Price | None) -> Price:
        bar = self._bar(instrument.id)
        unslipped = expected(order, best, bar)
        if unslipped is None:
            assert limit is not None
            return limit
        tick = instrument.price_increment.as_double()
        ticks = round(unslipped.as_double() / tick)
        worse = against(self._slippage, order.leaves_qty.as_double(), abs(ticks), bar)
        moved = ticks + (worse if order.is_buy else -worse)
        price = Price(moved * tick, instrument.price_precision)
        if limit is None:
            return price
        asked, paid = limit.as_double(), price.as_double()
        return limit if (paid > asked if order.is_buy else paid < asked) else price

    def _is_released(self, order: Any) -> bool:
        """Say whether an exit was released by its entry just now, so that it is inside a bar."""
        if order.parent_order_id is None:
            return False
        return order.ts_accepted is None or order.ts_accepted >= self.clock.timestamp_ns()

    def _bar(self, contract: Any) -> Bar | None:
        """Return the contract's bar that ends now, or the last one before."""
        end = bisect_right(self._piece, self.clock.timestamp_ns(), key=attrgetter("ts_init"))
        for n in range(end - 1, -1, -1):
            record = self._piece[n]
            if isinstance(record, Bar) and record.bar_type.instrument_id == contract:
                return record
        return self._last.get(contract)


def settles(order: Any) -> bool:
    """Say whether it is by this order that the engine settles an expired contract."""
    return bool(order.client_order_id.value.startswith(SETTLES))


def expected(order: Any, best: Price, bar: Bar | None) -> Price | None:
    """Return the price an order fills at before it slips; None where it rests at its limit.

    Inside a bar the price passed the trigger on its way; at the open it may have jumped over it.
    """
    trigger = getattr(order, "trigger_price", None)
    if trigger is None or bar is None:
        return best
    limited = getattr(order, "price", None) is not None
    if limited and not triggered_at(order, bar.ts_init):
        return None
    accepted = order.ts_accepted
    if accepted is None or (best == bar.open and accepted < bar.ts_init):
        return best
    rises = order.is_buy != (order.order_type in TOUCHED)
    if best >= trigger if rises else best <= trigger:
        found: Price = trigger
        return found
    return None if limited else best


def triggered_at(order: Any, ts: int) -> bool:
    """Say whether an order was triggered at a moment (UTC nanoseconds)."""
    return any(type(e).__name__ == "OrderTriggered" and e.ts_event == ts for e in order.events())


def book_of(instrument: Any, order: Any, price: Price) -> OrderBook:
    """Return a book that fills the whole of an order at one price."""
    book = OrderBook(instrument.id, BookType.L2_MBP)
    side = OrderSide.SELL if order.is_buy else OrderSide.BUY
    book.add(BookOrder(side, price, DEEP, 1), 0, 0, 0)
    return book
