"""The features of one timeframe within a chunk, and which of its bars each base bar knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.features.frames import joined
from qe_plugins.features.series import Program, Series, moment
from qe_plugins.plugins.types import Family
from qe_plugins.safe_text import named


class FrameColumns:
    """The kernel's features of one series, chunk by chunk. Row 0 is what was known before it."""

    def __init__(self, where: str, names: Sequence[str]) -> None:
        self._where = where
        self._program = Program(names)
        self._places = {name: n for n, name in enumerate(names)}
        self._series: Series | None = None
        self._values = np.full((1, len(names)), np.nan)
        self.index = np.zeros(0, np.int64)

    def start(self, coming: int) -> None:
        """Keep only what the last bar so far gave, and make room for `coming` bars."""
        self._values = self._values[-1:]
        if self._series is None and coming and len(self._program):
            self._series = Series(self._where, coming + 4_000)

    def extend(self, bars: Bars) -> None:
        """Compute the features of further bars."""
        if self._series is not None:
            self._add(*self._series.append(bars))

    def extend_units(self, stamps: np.ndarray, fixed: np.ndarray, volume: np.ndarray) -> None:
        """Compute the features of further bars whose prices are in units."""
        if self._series is not None:
            self._add(*self._series.append_units(stamps, fixed, volume))

    def seen_by(self, index: np.ndarray) -> FrameColumns:
        """Return these columns as base bars see them: `index` is the row that each one knows."""
        seen = FrameColumns.__new__(FrameColumns)
        seen._places, seen._values, seen.index = self._places, self._values, index
        return seen

    def column(self, name: str) -> np.ndarray:
        """Return a feature at each base bar."""
        found: np.ndarray = self._values[self.index, self._places[name]]
        return found

    def _add(self, first: int, last: int) -> None:
        assert self._series is not None
        computed = self._series.values(self._program, first, last)
        self._values = np.concatenate([self._values, computed])


class OwnColumns:
    """The features of registered families: each is called with its lookback of bars, no others."""

    def __init__(self, families: Mapping[str, tuple[str, Family]]) -> None:
        self.families = dict(families)
        self._most: dict[str, int] = {}
        for frame, family in families.values():
            self._most[frame] = max(self._most.get(frame, 0), family.lookback)
        self._bars: dict[str, Bars] = {}
        self._counts: dict[str, np.ndarray] = {}
        self._known: dict[tuple[str, int], float] = {}

    def start(self) -> None:
        """Forget the values of the chunk before."""
        self._known = {}

    def extend(self, frame: str, closed: Bars, index: np.ndarray) -> None:
        """Add complete bars of a timeframe; `index` is how many of them each base bar knows."""
        most = self._most.get(frame)
        if most is None:
            return
        before = self._bars.get(frame)
        had = 0
        if before is not None and len(before):
            kept = before[max(len(before) - most, 0) :]
            had, closed = len(kept), joined([kept, closed])
        self._bars[frame], self._counts[frame] = closed, index + had

    def value(self, name: str, at: int) -> float:
        """Return a feature at base bar `at` of the chunk, NaN where it has too few bars."""
        frame, family = self.families[name]
        end = int(self._counts[frame][at])
        key = name, end
        if key not in self._known:
            window = self._bars[frame][max(end - family.lookback, 0) : end]
            full = len(window) == family.lookback
            self._known[key] = last_value(name, family, window) if full else float("nan")
        return self._known[key]

    def column(self, name: str, at: Iterable[int]) -> np.ndarray:
        """Return a feature at base bars `at` of the chunk."""
        return np.array([self.value(name, each) for each in at], np.float64)


def last_value(name: str, family: Family, bars: Bars) -> float:
    """Return a family's number for the last of the bars; what is not finite is null.

    Raises FeatureError where its function raises or returns other than a number a bar.
    """
    value = float(values_of(name, family, bars)[-1])
    return value if np.isfinite(value) else float("nan")


def values_of(name: str, family: Family, bars: Bars) -> np.ndarray:
    """Return a family's numbers, one a bar. Raises FeatureError as `last_value` does."""
    when = moment(int(bars.ts_event[-1]))
    try:
        found = np.asarray(family.function(bars), np.float64)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = f"its function raised {named(error)}"
        raise FeatureError(message, where=f"feature {name} at {when}") from error
    if found.shape != (len(bars),):
        message = f"its function returns one number a bar, was {found.shape} for {len(bars)}."
        raise FeatureError(message, where=f"feature {name} at {when}")
    return found
