"""Fills of options: at the quoted side, at most the quoted size, never through the quote.

A quote's size fills orders once: what one order took is gone for the next, until there is a newer
quote. What a limit order does not get rests and fills at its limit on later quotes; the rest of a
market order is cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import (
    BookOrder,
    BookType,
    OrderBook,
    OrderSide,
    Price,
    Quantity,
    QuoteTick,
)

if TYPE_CHECKING:
    from qe_plugins.engine.simulation.market_state import MarketState

NOTHING = Quantity.from_int(0)


class TakenSize(msgspec.Struct):
    """What orders took of one side of a quote. `since` is the quote's time (UTC nanoseconds).

    `filled` has how many contracts of each order were filled before this quote.
    """

    since: int
    filled: dict[Any, Decimal]


class OptionFills:
    """The books from which orders in options fill.

    `market` is set once the engine has its cache. The quotes of the chunk in memory are looked up
    only at their own moment: the engine matches a quote before its cache has it.
    """

    market: MarketState

    def __init__(self) -> None:
        self._taken: dict[tuple[Any, bool], TakenSize] = {}
        self._arriving: dict[tuple[Any, int], QuoteTick] = {}

    def start_chunk(self, records: Sequence[Any]) -> None:
        """Take the quotes among the records that the engine processes next."""
        quotes = (one for one in records if isinstance(one, QuoteTick))
        self._arriving = {(one.instrument_id, one.ts_init): one for one in quotes}

    def book(
        self, order: Any, ts: int, best_bid: Price | None, best_ask: Price | None
    ) -> OrderBook:
        """Return the book that an order fills from: one price, the contracts that are left there.

        The best prices are the engine's. With a book without contracts the order does not fill yet.
        """
        contract = order.instrument_id
        best: Any = best_ask if order.is_buy else best_bid
        limit, accepted = getattr(order, "price", None), order.ts_accepted
        quote = self._arriving.get((contract, ts))
        if quote is not None and (quote.bid_price, quote.ask_price) == (best_bid, best_ask):
            is_tradable = self.market.is_open(contract, ts)
        else:
            quote = self.market.cache.quote(contract)
            is_tradable = quote is not None and self.market.is_tradable(contract, ts)
        if is_tradable:
            best, size = (
                (quote.ask_price, quote.ask_size)
                if order.is_buy
                else (quote.bid_price, quote.bid_size)
            )
            is_tradable = limit is None or (best <= limit if order.is_buy else best >= limit)
        left = self._left(order, quote.ts_init, size) if is_tradable else NOTHING
        if is_tradable and limit is not None and accepted is not None and accepted < ts:
            best = limit  # it rested: the market came to it
        book = OrderBook(contract, BookType.L2_MBP)
        side = OrderSide.SELL if order.is_buy else OrderSide.BUY
        book.add(BookOrder(side, best, left, 1), 0, 0, 0)
        return book

    def _left(self, order: Any, since: int, size: Quantity) -> Quantity:
        """Return the contracts of a quoted side that no order has taken."""
        key = (order.instrument_id, order.is_buy)
        taken = self._taken.get(key)
        if taken is None or taken.since != since:
            taken = self._taken[key] = TakenSize(since, {})
        gone = Decimal(0)
        for name, before in taken.filled.items():
            gone += self.market.cache.order(name).filled_qty.as_decimal() - before
        taken.filled.setdefault(order.client_order_id, order.filled_qty.as_decimal())
        return Quantity.from_int(max(0, int(size.as_decimal() - gone)))
