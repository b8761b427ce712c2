"""How far the price of a contract ran, from the bars of a piece of the tape."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from qe_plugins.bars import Bars


class Path:
    """The bars of one contract, of every type, in the order in which they are heard."""

    def __init__(self, parts: Sequence[Bars]) -> None:
        columns = [_joined([getattr(p, n) for p in parts]) for n in ("ts_init", "high", "low")]
        if len(parts) > 1:
            order = np.argsort(columns[0], kind="stable")
            columns = [column[order] for column in columns]
        self._stamps: list[int]
        self._stamps, self._highs, self._lows = (column.tolist() for column in columns)

    def before(self, ts: int) -> int:
        """Return how many bars are heard before a moment (UTC nanoseconds)."""
        return bisect_left(self._stamps, ts)

    def until(self, ts: int) -> int:
        """Return how many bars are heard up to a moment (UTC nanoseconds), at it too."""
        return bisect_right(self._stamps, ts)

    def range(self, first: int, end: int) -> tuple[float, float]:
        """Return the highest and the lowest price of bars `first` up to, not including, `end`."""
        return max(self._highs[first:end]), min(self._lows[first:end])


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.empty(0)
