"""The back office: books fills piece by piece of the tape, once the trading thread has gone by.

Fills are taken as they come and booked later, beside the bars of the piece, so that nothing of it
is in the way of a bar. What a trade is made of, how far it ran and what it paid is the same.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from nautilus_trader.model import OrderType

from qe_plugins.data.pieces import NO_COLUMNS, Columns
from qe_plugins.engine.books import Book, Fill, trade_of
from qe_plugins.engine.fill_events import FillEvents
from qe_plugins.engine.listings import Listings
from qe_plugins.engine.observers import Observers
from qe_plugins.engine.paths import Path
from qe_plugins.engine.recorder import Recorder, decimal

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
        self._observers, self._read = observers, FillEvents(cache, recorder, listings).read
        self._watches = observers.wants("trade_closed")
        self.books: dict[tuple[str, str], Book] = {}
        self._pending: deque[Any] = deque()
        self.filled = self._pending.append
        self._columns = NO_COLUMNS
        self._paths: dict[str, Path] = {}

    def expects(self, columns: Columns) -> None:
        """Take the bars that are heard next; the ones before have been."""
        if self._watches:
            self.settle()
            self._columns, self._paths = columns, {}
            for book in self.books.values():
                book.seen = 0

    def settle(self, until: int = EVER) -> None:
        """Book what happened before a moment (UTC ns), so that trades are told up to there."""
        pending = self._pending
        while pending and pending[0].ts_event < until:
            self._book(pending.popleft())
        if self._watches:
            for (_, contract), book in self.books.items():
                path = self._path(contract)
                book.follow(path, path.before(until))

    def _path(self, contract: str) -> Path:
        path = self._paths.get(contract)
        if path is None:
            path = self._paths[contract] = Path(self._columns.of_contract(contract))
        return path

    def _seen_by(self, event: Any, ts: int, path: Path) -> int:
        """Return how many bars are heard before a fill: not one that its order answers."""
        until = path.until(ts)
        if event.order_type == OrderType.MARKET:
            return until
        before = path.before(ts)
        if before == until:
            return until
        sent: int = self._cache.order(event.client_order_id).ts_init
        return before if sent < ts else until

    def _book(self, event: Any) -> None:
        fill = self._read(event)
        self._recorder.fills.append(fill)
        key = (fill.strategy, fill.instrument_id)
        book = self.books.get(key)
        if book is None:
            multiplier = decimal(self._cache.instrument(event.instrument_id).multiplier)
            book = self.books[key] = Book(multiplier)
        if self._watches:
            path = self._path(fill.instrument_id)
            book.follow(path, self._seen_by(event, fill.ts, path))
        if closed := book.apply(fill):
            self._close(book, closed)

    def _close(self, book: Book, fills: list[Fill]) -> None:
        recorder = self._recorder
        ran = book.ran if self._watches else None
        votes = recorder.votes_behind(fills[0].signal)
        trade = trade_of(fills, book.closed, book.multiplier, ran, votes)
        recorder.trade(trade, fills[-1])
        self._observers.tell("trade_closed", trade.closed, trade=trade)
