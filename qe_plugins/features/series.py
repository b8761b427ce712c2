"""One series of bars with its running sums: how batch, chunk and stream call the kernel.

All of them call the same compiled function at a bar, so they give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import FAMILIES, WINDOWS, family_number
from qe_plugins.features.kernel import loop, prefix

KEPT = 640
"""Bars that remain when older ones are dropped: more than the longest lookback."""

CHUNK = 8_192
"""Bars computed at once in a batch: few, so that their memory is small and used again."""


class Program:
    """What the kernel computes for one timeframe: families and windows, as names in order."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take names without a timeframe, such as `temperature.60`."""
        self.names = tuple(names)
        self.windows = np.array(WINDOWS, np.int64)
        self.slots = np.full((len(WINDOWS), len(FAMILIES)), -1, np.int64)
        self.needs = np.array([[w + one.extra for one in FAMILIES] for w in WINDOWS], np.int64)
        self.groups = np.zeros((len(WINDOWS), len(loop.GROUPS) + 1), np.int64)
        self.passes = np.zeros(len(WINDOWS), np.int64)
        for place, name in enumerate(self.names):
            family, _, window = name.partition(".")
            f, k = family_number(family), WINDOWS.index(int(window))
            self.slots[k, f] = place
            group = next(g for g, (a, b) in enumerate(loop.GROUPS, 1) if a <= f < b)
            self.groups[k, 0] = self.groups[k, group] = 1
            self.passes[: k + 1] |= FAMILIES[f].pass_
        self.arguments = (self.windows, self.needs, self.slots, self.groups, self.passes)

    def __len__(self) -> int:
        return len(self.names)


class Series:
    """Consecutive bars of one instrument and timeframe, oldest first, with their running sums.

    Only the last bars are kept where more are added than there is room for; what is computed from
    them does not depend on the older ones. `where` names the series in errors.
    """

    def __init__(self, where: str, room: int = 4 * KEPT) -> None:
        self.where = where
        self.count = 0
        """Bars added so far."""
        self._end = 0
        self._allocate(max(room, 2 * KEPT))

    def append(self, bars: Bars) -> tuple[int, int]:
        """Add bars with prices; return their first and last row plus one, for `values`.

        Raises FeatureError for bars out of order or twice, and where one breaks a bound.
        """
        first, last = self._place(bars.ts_event)
        for column, name in enumerate(("open", "high", "low", "close")):
            self._prices[first:last, column] = bars.columns[name]
        self._volume[first:last] = bars.volume
        prefix.to_units(self._prices, first, last, self._fixed)
        return self._sum(first, last)

    def append_units(
        self, ts: np.ndarray, fixed: np.ndarray, volume: np.ndarray
    ) -> tuple[int, int]:
        """Add bars whose prices are already counted in units, as `prefix.to_units` writes them."""
        first, last = self._place(ts)
        self._fixed[first:last] = fixed
        self._volume[first:last] = volume
        return self._sum(first, last)

    def values(
        self,
        program: Program,
        first: int,
        last: int,
        threads: int = 1,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the features of rows `first` up to `last`, one row a bar, float64, null as NaN.

        They are written into `out` where it is given.
        """
        out = np.empty((last - first, len(program)), np.float64) if out is None else out
        if threads == 1 or last - first < 64 * threads:
            self._compute(program, first, last, out)
            return out
        cuts = np.linspace(first, last, threads + 1).astype(int).tolist()
        parts = list(pairwise(cuts))
        with ThreadPoolExecutor(threads) as pool:
            for done in [
                pool.submit(self._compute, program, a, b, out[a - first : b - first])
                for a, b in parts
            ]:
                done.result()
        return out

    def _compute(self, program: Program, first: int, last: int, out: np.ndarray) -> None:
        broken, t = loop.rows(
            first, last, self._sums, self._fixed, self._volume, *program.arguments, out
        )
        if broken:
            raise self._broken(broken, t)

    def _sum(self, first: int, last: int) -> tuple[int, int]:
        broken, t = prefix.add_sums(self._fixed, self._volume, first, last, self._sums)
        if broken:
            raise self._broken(broken, t)
        self._end, self.count = last, self.count + last - first
        return first, last

    def _place(self, ts: np.ndarray) -> tuple[int, int]:
        if len(ts) and self._end and ts[0] <= self._stamps[self._end - 1]:
            raise self._out_of_order(int(ts[0]))
        if len(ts) > 1 and (wrong := np.flatnonzero(ts[1:] <= ts[:-1])).size:
            raise self._out_of_order(int(ts[wrong[0] + 1]))
        if self._end + len(ts) > len(self._stamps):
            self._drop(len(ts))
        first = self._end
        self._stamps[first : first + len(ts)] = ts
        return first, first + len(ts)

    def _allocate(self, room: int) -> None:
        self._stamps = np.zeros(room, np.int64)
        self._prices = np.zeros((room, 4), np.float64)
        self._volume = np.zeros(room, np.float64)
        self._fixed = np.zeros((room, 6), np.int64)
        self._sums = np.zeros((room + 1, prefix.COLUMNS), np.int64)

    def _drop(self, coming: int) -> None:
        """Make room for bars by dropping all but the last `KEPT`."""
        kept = min(self._end, KEPT)
        rows = slice(self._end - kept, self._end)
        old = self._stamps, self._prices, self._volume, self._fixed
        sums = self._sums[rows.start : rows.stop + 1].copy()
        if kept + coming > len(self._stamps):
            self._allocate(kept + coming)
        new = self._stamps, self._prices, self._volume, self._fixed
        for before, after in zip(old, new, strict=True):
            after[:kept] = before[rows].copy()
        self._sums[: kept + 1] = sums
        self._end = kept

    def _broken(self, bound: int, t: int) -> FeatureError:
        column, text = prefix.BOUNDS[bound]
        message = f"the bar of {moment(int(self._stamps[t]))} breaks a bound of {column}: {text}."
        return FeatureError(message, where=self.where, hint="Correct the bar, or leave it out.")

    def _out_of_order(self, ts: int) -> FeatureError:
        message = f"the bar of {moment(ts)} comes twice or out of order."
        return FeatureError(message, where=self.where, hint="Sort the bars by their close.")


def moment(ts: int) -> str:
    """Return a time (UTC ns) as `2013-12-20 14:30 UTC`."""
    return f"{datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M} UTC"


def computed(
    bars: Bars, names: Sequence[str], where: str = "bars", threads: int = 1
) -> Iterator[np.ndarray]:
    """Yield features of consecutive bars, a few thousand bars at a time, as `compute`."""
    program, series = Program(names), Series(where, min(len(bars), CHUNK) + KEPT)
    for begin in range(0, len(bars), CHUNK):
        first, last = series.append(bars[begin : begin + CHUNK])
        yield series.values(program, first, last, threads)


def compute(bars: Bars, names: Sequence[str], where: str = "bars", threads: int = 1) -> np.ndarray:
    """Return features of every bar by names without a timeframe; one row a bar, null as NaN."""
    program, series = Program(names), Series(where, min(len(bars), CHUNK) + KEPT)
    found = np.empty((len(bars), len(program)), np.float64)
    for begin in range(0, len(bars), CHUNK):
        first, last = series.append(bars[begin : begin + CHUNK])
        out = found[begin : begin + last - first]
        series.values(program, first, last, threads, out)
    return found


def load_kernel() -> None:
    """Load the compiled code, which takes a second, so that the first bar need not wait for it."""
    stamps, prices = np.arange(3, dtype=np.int64), np.full(3, 100.0)
    columns = {"ts_event": stamps, **dict.fromkeys(NUMBERS, prices)}
    compute(Bars("no bars", columns), ["velocity.5"])
