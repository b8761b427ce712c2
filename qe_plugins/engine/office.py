"""The back office: books fills piece by piece of the tape, once the trading thread has gone by.

Fills are taken as they come and booked later, beside the bars of the piece, so that nothing of it
is in the way of a bar. What a trade is made of, how far it ran and what it paid is the same.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.model import Bar, ClientOrderId, InstrumentId, OrderType

from qe_plugins.decisions import Rolled
from qe_plugins.engine.books import Book, Fill, trade_of
from qe_plugins.engine.listings import Listings
from qe_plugins.engine.observers import Observers
from qe_plugins.engine.recorder import SETTLES, Recorder, decimal, signal_in

EVER = 2**63 - 1
ZERO = Decimal(0)


class BackOffice:
    """Keeps a book a strategy and contract, and tells the observers of each trade that closes.

    `filled` takes a fill, to be booked later.
    """

    def __init__(
        self, cache: Any, recorder: Recorder, observers: Observers, listings: Listings
    ) -> None:
        self._cache, self._recorder = cache, recorder
        self._observers, self._listings = observers, listings
        self._watches = observers.wants("trade_closed")
        self.books: dict[tuple[str, str], Book] = {}
        self._held_in: defaultdict[str, list[Book]] = defaultdict(list)
        self._pending: deque[Any] = deque()
        self.filled = self._pending.append
        self._records: Sequence[Any] = ()
        self._at = 0

    def expects(self, records: Sequence[Any]) -> None:
        """Take the records that are heard next, in time order; the ones before have been."""
        if self._watches:
            self.settle()
            self._records, self._at = records, 0

    def settle(self, until: int = EVER) -> None:
        """Book what happened before a moment (UTC ns), so that trades are told up to there."""
        if self._watches:
            self._replay(until)
        while self._pending and self._pending[0].ts_event < until:
            self._book(self._pending.popleft())

    def _replay(self, until: int) -> None:
        """Go through the bars again, booking each fill where it happened among them."""
        records, pending, heard = self._records, self._pending, None
        books: list[Book] = []
        for at in range(self._at, len(records)):
            bar = records[at]
            ts = bar.ts_init
            if ts >= until:
                self._at = at
                return
            while pending and pending[0].ts_event <= ts and self._before(pending[0], ts):
                self._book(pending.popleft())
            if not isinstance(bar, Bar):
                continue
            if bar.bar_type != heard:
                heard = bar.bar_type
                books = self._held_in[str(heard.instrument_id)]
            for book in books:
                if book.held:
                    book.see(bar)
        self._at = len(records)

    def _before(self, event: Any, ts: int) -> bool:
        """Say whether a fill came before a bar was heard: not where its order answers the bar."""
        if event.ts_event < ts:
            return True
        if event.order_type == OrderType.MARKET:
            return False
        sent: int = self._cache.order(event.client_order_id).ts_init
        return sent < ts

    def _book(self, event: Any) -> None:
        fill = self._fill(event)
        self._recorder.fills.append(fill)
        key = (fill.strategy, fill.instrument_id)
        book = self.books.get(key)
        if book is None:
            multiplier = decimal(self._cache.instrument(event.instrument_id).multiplier)
            book = self.books[key] = Book(multiplier)
            self._held_in[fill.instrument_id].append(book)
        if closed := book.apply(fill):
            self._close(book, closed)

    def _close(self, book: Book, fills: list[Fill]) -> None:
        recorder = self._recorder
        ran = book.ran if self._watches else None
        votes = recorder.votes_behind(ClientOrderId(fills[0].client_order_id))
        trade = trade_of(fills, book.closed, book.multiplier, ran, votes)
        recorder.trade(trade, fills[-1])
        self._observers.tell("trade_closed", trade.closed, trade=trade)

    def _fill(self, event: Any) -> Fill:
        quantity, commission = decimal(event.last_qty), event.commission
        return Fill(
            ts=event.ts_event,
            trade_id=event.trade_id.value,
            client_order_id=self._recorder.order_id(event),
            instrument_id=str(event.instrument_id),
            strategy=event.strategy_id.value,
            quantity=quantity if event.is_buy else -quantity,
            price=decimal(event.last_px),
            commission=decimal(commission) if commission else ZERO,
            currency=event.currency.code,
            position_id=event.position_id.value if event.position_id else "",
            liquidity=event.liquidity_side.name,
            reference=self._reference(event),
        )

    def _reference(self, event: Any) -> Decimal | None:
        """Return the price an order could expect: its trigger, its limit, or what it was sent on.

        A market order is sent on the close of a bar or on the entry of a signal; a settlement is
        what it is.
        """
        if event.order_type != OrderType.MARKET:
            order = self._cache.order(event.client_order_id)
            for name in ("trigger_price", "price"):
                if (asked := getattr(order, name, None)) is not None:
                    return decimal(asked)
        sent_on = self._recorder.handled.get(event.client_order_id)
        if isinstance(sent_on, Bar):
            return decimal(sent_on.close) if self._is_of(sent_on, event.instrument_id) else None
        if isinstance(sent_on, Rolled) and sent_on.prices is not None:
            return sent_on.prices[str(event.instrument_id) == sent_on.after]
        if sent_on is None and event.client_order_id.value.startswith(SETTLES):
            return decimal(event.last_px)
        signal = signal_in(sent_on)
        return signal.entry if signal else None

    def _is_of(self, bar: Bar, contract: InstrumentId) -> bool:
        """Say whether a bar is of a contract, or of the front that stands for it."""
        heard = bar.bar_type.instrument_id
        root = self._listings.fronts.get(str(heard))
        return heard == contract or (root is not None and contract.symbol.value.startswith(root))
