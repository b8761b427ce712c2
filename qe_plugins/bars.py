"""Bars of one type as NumPy columns, without an object for each bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np

STAMPS = ("ts_event", "ts_init")
NUMBERS = ("open", "high", "low", "close", "volume")


class Bars:
    """Consecutive bars of one type, oldest first.

    Columns are NumPy arrays: `ts_event`, when a bar closed, and `ts_init`, when it was received
    (int64, UTC nanoseconds); `open`, `high`, `low` and `close` in points and `volume` in contracts
    (float64). `columns` has them by name. A slice copies nothing.
    """

    __slots__ = ("bar_type", "columns")

    def __init__(self, bar_type: str, columns: Mapping[str, np.ndarray]) -> None:
        """Take the columns by name, all of one length."""
        self.bar_type, self.columns = bar_type, columns

    def __len__(self) -> int:
        return len(self.columns["ts_event"])

    def __getitem__(self, part: slice) -> Self:
        """Return a slice of consecutive bars. Raises ValueError for a step other than 1."""
        if part.step not in (None, 1):
            raise ValueError(f"bars follow each other, so a step is 1, was {part.step}")
        return type(self)(self.bar_type, {n: column[part] for n, column in self.columns.items()})

    @property
    def ts_event(self) -> np.ndarray:
        """Return when each bar closed."""
        return self.columns["ts_event"]

    @property
    def ts_init(self) -> np.ndarray:
        """Return when each bar was received."""
        return self.columns["ts_init"]

    @property
    def open(self) -> np.ndarray:
        """Return first prices."""
        return self.columns["open"]

    @property
    def high(self) -> np.ndarray:
        """Return highest prices."""
        return self.columns["high"]

    @property
    def low(self) -> np.ndarray:
        """Return lowest prices."""
        return self.columns["low"]

    @property
    def close(self) -> np.ndarray:
        """Return last prices."""
        return self.columns["close"]

    @property
    def volume(self) -> np.ndarray:
        """Return contracts traded."""
        return self.columns["volume"]

    def floats(self, name: str) -> list[float]:
        """Return a column as plain floats, which is faster than an array for a few bars."""
        found: list[float] = self.columns[name].tolist()
        return found

    @property
    def instrument_id(self) -> str:
        """Return the instrument id of the bars' contract."""
        return self.bar_type.partition("-")[0]


def columns_of(bar_type: str, bars: Sequence[Any]) -> Bars:
    """Return Nautilus' bars of one type, oldest first, as columns."""
    import numpy as np

    columns = {name: np.array([getattr(b, name) for b in bars], np.int64) for name in STAMPS}
    for name in NUMBERS:
        columns[name] = np.array([getattr(b, name).as_double() for b in bars], np.float64)
    return Bars(bar_type, columns)
