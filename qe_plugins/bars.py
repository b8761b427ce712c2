"""Bars as columns: many at once, without an object for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np


class Bars(msgspec.Struct, frozen=True, eq=False):
    """Bars of one type that follow each other, oldest first: NumPy arrays of one length.

    `ts_event` is when each closed and `ts_init` when it was heard (int64, UTC nanoseconds); prices
    are points and `volume` contracts (float64). A slice is a view, not a copy.
    """

    bar_type: str
    ts_event: np.ndarray
    ts_init: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.ts_event)

    def __getitem__(self, part: slice) -> Bars:
        return Bars(
            self.bar_type,
            self.ts_event[part],
            self.ts_init[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
        )

    @property
    def instrument_id(self) -> str:
        """Return the contract that the bars are of."""
        return self.bar_type.partition("-")[0]
