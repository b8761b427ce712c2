"""The market as a scan sees it: minute bars by instrument up to one moment, kept with the scan."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from qe_plugins.errors import DataError

MINUTE = 60_000_000_000
DAY = 1_440 * MINUTE
FRAMES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240}
PRICES = ("open", "high", "low", "close")
FILE = "market.parquet"


class SnapshotBars(msgspec.Struct, frozen=True):
    """Complete bars of one instrument, oldest first, as float arrays; `ts` is their close, ns."""

    ts: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    def window(self, count: int, back: int = 0) -> SnapshotBars:
        """Return the last `count` bars, leaving out the newest `back`."""
        until = len(self) - back
        return SnapshotBars(*(getattr(self, name)[until - count : until] for name in COLUMNS))


COLUMNS = SnapshotBars.__struct_fields__


class MarketSnapshot:
    """What is known at `as_of` (UTC ns): nothing later is in it.

    `instruments` are those that traded in the last day of it, in id order: an expired contract has
    bars and no market.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.as_of = int(frame["ts"].max())  # type: ignore[arg-type]
        alive = frame.filter(pl.col("ts") > self.as_of - DAY)
        self.instruments = tuple(sorted(alive["instrument"].unique().to_list()))
        self._bars: dict[tuple[str, str], SnapshotBars] = {}

    def bars(self, instrument: str, timeframe: str) -> SnapshotBars:
        """Return the complete bars of an instrument in a timeframe."""
        key = (instrument, timeframe)
        if key not in self._bars:
            of_one = self.frame.filter(pl.col("instrument") == instrument)
            frame = gathered(of_one, FRAMES[timeframe], self.as_of)
            self._bars[key] = SnapshotBars(*(frame[name].to_numpy() for name in COLUMNS))
        return self._bars[key]

    def save(self, folder: Path) -> None:
        """Write it into a folder, whole or not at all."""
        part = folder / f"{FILE}.part"
        self.frame.write_parquet(part)
        os.replace(part, folder / FILE)

    @classmethod
    def saved(cls, folder: Path) -> MarketSnapshot:
        """Return what `save` wrote. Raises DataError where it is gone or damaged."""
        try:
            return cls(pl.read_parquet(folder / FILE, glob=False))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(
                "the scan's market state cannot be read.",
                where=str(folder / FILE),
                hint="Without it nothing can be replayed; scan again.",
            ) from error


def gathered(frame: pl.DataFrame, minutes: int, as_of: int) -> pl.DataFrame:
    """Return minute bars put together to longer ones that are complete at `as_of`."""
    span = minutes * MINUTE
    ends = ((pl.col("ts") - 1) // span + 1) * span
    return (
        frame.group_by(ends.alias("ts"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .filter(pl.col("ts") <= as_of)
    )
