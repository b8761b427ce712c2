"""The bars that have closed by now, as columns: of a backtest's tape, or out of the cache."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
from nautilus_trader.model import BarType

from qe_plugins.bars import NUMBERS, STAMPS, Bars, columns_of
from qe_plugins.data.pieces import NO_COLUMNS, Columns


class Shelf:
    """The bars of one type: the end of the last piece of the tape, and the piece that is heard.

    `asked` is the most bars that anybody wanted at once: so many are kept of a piece.
    """

    def __init__(self, bar_type: str) -> None:
        self.bar_type = BarType.from_str(bar_type)
        self.asked = 0
        self.bars: Bars | None = None
        self._stamps: list[int] | None = None

    def turn(self, piece: Bars | None) -> None:
        """Go on to the next piece of the tape."""
        kept = self.bars[-self.asked :] if self.bars is not None and self.asked else None
        parts = [one for one in (kept, piece) if one is not None]
        self.bars = joined(parts) if parts else None
        self._stamps = None

    @property
    def stamps(self) -> list[int]:
        """Return when each bar is heard."""
        if self._stamps is None:
            self._stamps = self.bars.ts_init.tolist() if self.bars is not None else []
        return self._stamps


class History:
    """Gives plugins the bars that have closed. What the engine has not heard yet is not given."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._columns = NO_COLUMNS
        self._shelves: dict[str, Shelf] = {}

    def expects(self, columns: Columns) -> None:
        """Take the bars of the tape that are heard next; the ones before have been."""
        self._columns = columns
        for bar_type, shelf in self._shelves.items():
            shelf.turn(columns.of(bar_type) if bar_type in columns.bar_types else None)

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type that have closed, oldest first."""
        shelf = self._shelves.get(bar_type) or self._shelf(bar_type)
        if count > shelf.asked:
            shelf.asked = count
        newest = self._cache.bar(shelf.bar_type)
        if newest is None:
            return self._read(bar_type, shelf.bar_type, 0)
        stamps, closed = shelf.stamps, newest.ts_init
        end = bisect_right(stamps, closed)
        if shelf.bars is not None and end >= count and stamps[end - 1] == closed:
            return shelf.bars.between(end - count, end)
        return self._read(bar_type, shelf.bar_type, count)

    def coming(self, bar_type: str, before: int, count: int) -> Bars:
        """Return the `count` bars of a type that are heard next, and up to `before` earlier ones.

        Not for plugins: these bars have not closed yet.
        """
        shelf = self._shelves.get(bar_type) or self._shelf(bar_type)
        shelf.asked = max(shelf.asked, before)
        assert shelf.bars is not None
        return shelf.bars[-(before + count) :]

    def _shelf(self, bar_type: str) -> Shelf:
        shelf = self._shelves[bar_type] = Shelf(bar_type)
        shelf.turn(self._columns.of(bar_type) if bar_type in self._columns.bar_types else None)
        return shelf

    def _read(self, label: str, bar_type: BarType, count: int) -> Bars:
        """Read bars from the cache one by one: those of before the piece, or made by the engine."""
        found: list[Any] = []
        while len(found) < count and (bar := self._cache.bar(bar_type, len(found))) is not None:
            found.append(bar)
        found.reverse()
        return columns_of(label, found)


def joined(parts: list[Bars]) -> Bars:
    """Return bars of one type that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    names = (*STAMPS, *NUMBERS)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Bars(parts[0].bar_type, columns)
