"""How far the price of a contract ran, from the bars of a piece of the tape."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from qe_plugins.bars import Bars


class Path:
    """The bars of one contract, of every type, in the order in which they are heard."""

    def __init__(self, parts: Sequence[Bars]) -> None:
        stamps = _joined([one.ts_init for one in parts])
        order = np.argsort(stamps, kind="stable")
        self._stamps: list[int] = stamps[order].tolist()
        self._highs: list[float] = _joined([one.high for one in parts])[order].tolist()
        self._lows: list[float] = _joined([one.low for one in parts])[order].tolist()

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
    return np.concatenate(columns) if columns else np.empty(0)
