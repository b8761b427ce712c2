"""How far the price of a contract ran, from the bars of a piece of the tape."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from qe_plugins.bars import Bars

type Range = tuple[float, float]
"""The highest and the lowest price of some bars; minus infinity and infinity of none."""

UNSEEN: Range = (-inf, inf)


class Path:
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
