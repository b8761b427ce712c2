"""Bars as columns: many at once, without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np

STAMPS = ("ts_event", "ts_init")
NUMBERS = ("open", "high", "low", "close", "volume")


class Bars:
    """Bars of one type that follow each other, oldest first.

    Columns are NumPy arrays: `ts_event`, when a bar closed, and `ts_init`, when it was heard
    (int64, UTC nanoseconds); `open`, `high`, `low` and `close` in points and `volume` in contracts
    (float64). Nothing is copied for a slice.
    """

    __slots__ = ("_columns", "_end", "_first", "_lists", "bar_type")

    def __init__(self, bar_type: str, columns: Mapping[str, np.ndarray]) -> None:
        """Take the columns by name, all of one length."""
        self.bar_type, self._columns = bar_type, columns
        self._lists: dict[str, list[Any]] = {}
        self._first, self._end = 0, len(columns["ts_event"])

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, part: slice) -> Self:
        """Return some of the bars that follow each other. Raises ValueError for steps."""
        first, end, step = part.indices(self._end - self._first)
        if step != 1:
            raise ValueError(f"bars follow each other, so a step is 1, was {step}")
        return self.between(first, max(first, end))

    def between(self, first: int, end: int) -> Self:
        """Return bars number `first` up to, not including, `end`: a slice, for hot paths."""
        part = object.__new__(type(self))
        part.bar_type, part._columns, part._lists = self.bar_type, self._columns, self._lists
        part._first, part._end = self._first + first, self._first + end
        return part

    @property
    def ts_event(self) -> np.ndarray:
        """Return when each bar closed."""
        return self._columns["ts_event"][self._first : self._end]

    @property
    def ts_init(self) -> np.ndarray:
        """Return when each bar was heard."""
        return self._columns["ts_init"][self._first : self._end]

    @property
    def open(self) -> np.ndarray:
        """Return first prices."""
        return self._columns["open"][self._first : self._end]

    @property
    def high(self) -> np.ndarray:
        """Return highest prices."""
        return self._columns["high"][self._first : self._end]

    @property
    def low(self) -> np.ndarray:
        """Return lowest prices."""
        return self._columns["low"][self._first : self._end]

    @property
    def close(self) -> np.ndarray:
        """Return last prices."""
        return self._columns["close"][self._first : self._end]

    @property
    def volume(self) -> np.ndarray:
        """Return contracts traded."""
        return self._columns["volume"][self._first : self._end]

    def floats(self, name: str) -> list[float]:
        """Return a column as plain floats: for a few bars less work than with an array."""
        known = self._lists.get(name)
        if known is None:
            known = self._lists[name] = self._columns[name].tolist()
        return known[self._first : self._end]

    @property
    def instrument_id(self) -> str:
        """Return the contract that the bars are of."""
        return self.bar_type.partition("-")[0]


def columns_of(bar_type: str, bars: Sequence[Any]) -> Bars:
    """Return Nautilus' bars of one type, oldest first, as columns."""
    import numpy as np

    columns = {name: np.array([getattr(b, name) for b in bars], np.int64) for name in STAMPS}
    for name in NUMBERS:
        columns[name] = np.array([getattr(b, name).as_double() for b in bars], np.float64)
    return Bars(bar_type, columns)
