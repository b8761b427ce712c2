"""Closed bars as columns, read from the engine's cache.

The cache has no bar that has not closed. Callers get copies: their memory holds no other bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nautilus_trader.model import Bar, BarType

from qe_plugins.bars import NUMBERS, STAMPS, Bars


class ClosedBars:
    """The last bars of one type, oldest first, in arrays of twice the length needed.

    The length needed is the largest count requested so far; older bars are dropped.
    """

    def __init__(self, bar_type: str) -> None:
        self.label, self._type = bar_type, BarType.from_str(bar_type)
        self._count = self._end = 0
        self._newest: Bar | None = None
        self._stamps = np.zeros((len(STAMPS), 0), np.int64)
        self._numbers = np.zeros((len(NUMBERS), 0), np.float64)

    def last(self, cache: Any, count: int) -> Bars:
        """Return copies of the last `count` bars of a cache."""
        if count > self._count:
            self._count, self._end, self._newest = count, 0, None
        self._catch_up(cache)
        rows = slice(max(self._end - count, 0), self._end)
        stamps, numbers = self._stamps[:, rows].copy(), self._numbers[:, rows].copy()
        columns = dict(zip((*STAMPS, *NUMBERS), (*stamps, *numbers), strict=True))
        return Bars(self.label, columns)

    def _catch_up(self, cache: Any) -> None:
        """Append the bars that have closed since the last call."""
        found: list[Bar] = []
        while len(found) < self._count and (bar := cache.bar(self._type, len(found))) is not None:
            if bar == self._newest:
                break
            found.append(bar)
        if found:
            self._newest = found[0]
            self._make_room(len(found))
            for bar in reversed(found):
                self._append(bar)

    def _append(self, bar: Bar) -> None:
        at = self._end
        self._stamps[0, at], self._stamps[1, at] = bar.ts_event, bar.ts_init
        numbers = self._numbers
        numbers[0, at], numbers[1, at] = bar.open.as_double(), bar.high.as_double()
        numbers[2, at], numbers[3, at] = bar.low.as_double(), bar.close.as_double()
        numbers[4, at] = bar.volume.as_double()
        self._end += 1

    def _make_room(self, count: int) -> None:
        """Make room for `count` more bars by dropping the oldest."""
        if self._end + count <= self._stamps.shape[1]:
            return
        rest = slice(max(self._end - self._count, 0), self._end)
        room = 2 * self._count
        stamps = np.zeros((len(STAMPS), room), np.int64)
        numbers = np.zeros((len(NUMBERS), room), np.float64)
        self._end = rest.stop - rest.start
        stamps[:, : self._end] = self._stamps[:, rest]
        numbers[:, : self._end] = self._numbers[:, rest]
        self._stamps, self._numbers = stamps, numbers


class History:
    """Closed bars, for plugins."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._series: dict[str, ClosedBars] = {}

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type that have closed, oldest first.

        Fewer where fewer have closed, or where the engine's cache holds fewer
        (`nautilus.cache.bar_capacity`). Raises ValueError for a text that is no bar type.
        """
        series = self._series.get(bar_type)
        if series is None:
            series = self._series[bar_type] = ClosedBars(bar_type)
        return series.last(self._cache, max(count, 0))
