"""The back office: books fills piece by piece of the tape, once the trading thread has gone by.

Fills are taken as they come and booked later, beside the bars of the piece, so that nothing of it
is in the way of a bar. What a trade is made of, how far it ran and what it paid is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model import OrderType

from qe_plugins.data.catalog.reader import NO_COLUMNS, BarColumns
from qe_plugins.engine.accounting.fills import FillReader
from qe_plugins.engine.accounting.trades import Fill, OpenTrade, build_trade
from qe_plugins.engine.contracts.instruments import decimal, instrument_of
from qe_plugins.engine.recording.recorder import Recorder

if TYPE_CHECKING:
    from qe_plugins.bars import Bars
    from qe_plugins.engine.recording.observers import Observers
    from qe_plugins.engine.running.availability import AvailableData

type Range = tuple[float, float]
"""The highest and the lowest price of some bars; minus infinity and infinity of none."""

UNSEEN: Range = (-inf, inf)


class PriceRanges:
    """The bars of one contract, of every type, in the order in which they are heard."""

    def __init__(self, parts: Sequence[Bars]) -> None:
        columns = [_joined([getattr(p, n) for p in parts]) for n in ("ts_init", "high", "low")]
        if len(parts) > 1:
            order = np.argsort(columns[0], kind="stable")
            columns = [column[order] for column in columns]
        self._stamps, self._highs, self._lows = columns

    def before(self, moments: Sequence[int]) -> list[int]:
        """Return how many bars are heard before each of some moments (UTC nanoseconds)."""
        found: list[int] = np.searchsorted(self._stamps, moments, "left").tolist()
        return found

    def until(self, moments: Sequence[int]) -> list[int]:
        """Return how many bars are heard up to each of some moments (UTC ns), at it too."""
        found: list[int] = np.searchsorted(self._stamps, moments, "right").tolist()
        return found

    def ranges(self, cuts: Sequence[int]) -> list[Range]:
        """Return what each two cuts that follow each other have between them.

        A cut is a number of bars; none is smaller than the one before it.
        """
        edges = np.asarray(cuts, np.int64)
        tops, bottoms = np.full((2, len(edges) - 1), inf)
        np.negative(tops, out=tops)
        some = edges[1:] > edges[:-1]
        if some.any():
            firsts, end = edges[:-1][some], edges[-1]
            tops[some] = np.maximum.reduceat(self._highs[:end], firsts)
            bottoms[some] = np.minimum.reduceat(self._lows[:end], firsts)
        return list(zip(tops.tolist(), bottoms.tolist(), strict=True))


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.empty(0)


END_OF_TIME = 2**63 - 1

type Key = tuple[str, str]
"""A strategy and a contract."""


class TradeBooker:
    """Keeps a book a strategy and contract, and tells the observers of each trade that closes.

    `filled` takes a fill, to be booked later.
    """

    def __init__(
        self, cache: Any, recorder: Recorder, observers: Observers, listings: AvailableData
    ) -> None:
        self._cache, self._recorder = cache, recorder
        self._observers, self._read = observers, FillReader(cache, recorder, listings).read
        self._watches = observers.wants("trade_closed")
        self.books: dict[Key, OpenTrade] = {}
        self._pending: deque[Any] = deque()
        self.filled = self._pending.append
        self._columns = NO_COLUMNS
        self._paths: dict[str, PriceRanges] = {}
        self._at: dict[Key, int] = {}

    def expects(self, columns: BarColumns) -> None:
        """Take the bars that are heard next; the ones before have been."""
        if self._watches:
            self.settle()
            self._columns, self._paths, self._at = columns, {}, {}

    def settle(self, until: int = END_OF_TIME) -> None:
        """Book what happened before a moment (UTC ns), so that trades are told up to there."""
        events = self._due(until)
        fills = [self._read(event) for event in events]
        seen = self._seen(fills, events, until) if self._watches else {}
        for fill in fills:
            key = (fill.strategy, fill.instrument_id)
            book = self.books.get(key) or self._opened(key)
            if seen:
                book.see(*next(seen[key]))
            self._recorder.fills.append(fill)
            if closed := book.apply(fill):
                self._close(book, closed)
        for key, rest in seen.items():
            self.books[key].see(*next(rest))

    def _due(self, until: int) -> list[Any]:
        """Take the events before a moment off those that wait."""
        pending, due = self._pending, []
        while pending and pending[0].ts_event < until:
            due.append(pending.popleft())
        return due

    def _opened(self, key: Key) -> OpenTrade:
        multiplier = decimal(instrument_of(self._cache, key[1]).multiplier)
        book = self.books[key] = OpenTrade(multiplier)
        return book

    def _seen(
        self, fills: Sequence[Fill], events: Sequence[Any], until: int
    ) -> dict[Key, Iterator[Range]]:
        """Return what each book sees before each of its fills, and after them up to a moment."""
        mine: dict[Key, list[Any]] = {key: [] for key in self.books}
        for fill, event in zip(fills, events, strict=True):
            mine.setdefault((fill.strategy, fill.instrument_id), []).append(event)
        return {key: iter(self._ranges(key, those, until)) for key, those in mine.items()}

    def _ranges(self, key: Key, events: Sequence[Any], until: int) -> list[Range]:
        path = self._path(key[1])
        cuts = [self._at.get(key, 0), *self._heard(events, path), *path.before([until])]
        rising: list[int] = np.maximum.accumulate(cuts).tolist()
        self._at[key] = rising[-1]
        return path.ranges(rising)

    def _heard(self, events: Sequence[Any], path: PriceRanges) -> list[int]:
        """Return how many bars are heard before each fill: not one that its order answers."""
        heard = path.until([event.ts_event for event in events])
        for n, event in enumerate(events):
            if event.order_type != OrderType.MARKET:
                [before] = path.before([event.ts_event])
                if before < heard[n] and self._sent(event) < event.ts_event:
                    heard[n] = before
        return heard

    def _sent(self, event: Any) -> int:
        sent: int = self._cache.order(event.client_order_id).ts_init
        return sent

    def _path(self, contract: str) -> PriceRanges:
        path = self._paths.get(contract)
        if path is None:
            path = self._paths[contract] = PriceRanges(self._columns.of_contract(contract))
        return path

    def _close(self, book: OpenTrade, fills: list[Fill]) -> None:
        recorder = self._recorder
        ran = book.ran if self._watches else None
        votes = recorder.votes_behind(fills[0].signal)
        trade = build_trade(fills, book.closed, book.multiplier, ran, votes)
        recorder.trade(trade, fills[-1])
        self._observers.tell("trade_closed", trade.closed, trade=trade)
