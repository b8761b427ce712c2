"""The market at one moment: bars by instrument, and the figures that tasks compute from them.

A snapshot is stored with its scan. `fleet/prompts/masking.py` says which of the figures a masked
prompt shows.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from qe_plugins.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MINUTE = 60_000_000_000
DAY = 1_440 * MINUTE
TIMEFRAME_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240}
PRICES = ("open", "high", "low", "close")
FILE = "market.parquet"
CHAIN_FILE = "chain.parquet"
BPS = 10_000
YEAR_MINUTES = 252 * 1_380  # 23 hours a session
NORMAL = NormalDist()


class SnapshotBars(msgspec.Struct, frozen=True):
    """Complete bars of one instrument, oldest first, as float arrays; `ts` is the close, UTC ns."""

    ts: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    def window(self, count: int, back: int = 0) -> SnapshotBars:
        """Return `count` bars that end `back` bars before the last."""
        until = len(self) - back
        return SnapshotBars(*(getattr(self, name)[until - count : until] for name in COLUMNS))


COLUMNS = SnapshotBars.__struct_fields__


class MarketSnapshot:
    """Minute bars up to `as_of` (UTC ns).

    `instruments` are those with a bar in the last 24 hours, in id order: an expired contract has
    bars and no market. `chain` has listed options at that moment, None where none were asked for.
    """

    def __init__(self, frame: pl.DataFrame, chain: pl.DataFrame | None = None) -> None:
        import polars as pl  # pages that open a scan to show it must not carry it

        self.frame, self.chain = frame, chain
        self.as_of = int(frame["ts"].max())  # type: ignore[arg-type]
        recent = frame.filter(pl.col("ts") > self.as_of - DAY)
        self.instruments = tuple(sorted(recent["instrument"].unique().to_list()))
        self._bars: dict[tuple[str, str], SnapshotBars] = {}

    def bars(self, instrument: str, timeframe: str) -> SnapshotBars:
        """Return the complete bars of an instrument in a timeframe."""
        key = (instrument, timeframe)
        if key not in self._bars:
            import polars as pl

            of_one = self.frame.filter(pl.col("instrument") == instrument)
            frame = resample(of_one, TIMEFRAME_MINUTES[timeframe], self.as_of)
            self._bars[key] = SnapshotBars(*(frame[name].to_numpy() for name in COLUMNS))
        return self._bars[key]

    def save(self, folder: Path) -> None:
        """Write the bars and the chain into a folder, each atomically, the chain first."""
        for frame, file in ((self.chain, CHAIN_FILE), (self.frame, FILE)):
            if frame is not None:
                part = folder / f"{file}.part"
                frame.write_parquet(part)
                os.replace(part, folder / file)

    @classmethod
    def load(cls, folder: Path) -> MarketSnapshot:
        """Return the snapshot that `save` wrote. Raises DataError for a missing or damaged file."""
        import polars as pl

        try:
            chain = folder / CHAIN_FILE
            options = pl.read_parquet(chain, glob=False) if chain.is_file() else None
            return cls(pl.read_parquet(folder / FILE, glob=False), options)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(
                "the scan's market state cannot be read.",
                where=str(folder / FILE),
                hint="Without it nothing can be replayed; scan again.",
            ) from error


def resample(frame: pl.DataFrame, minutes: int, as_of: int) -> pl.DataFrame:
    """Return minute bars resampled to longer bars that are complete at `as_of`."""
    import polars as pl

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


def annual_volatility(closes: np.ndarray, minutes: int = 1) -> float:
    """Return the annualised volatility of closes that are `minutes` apart; 0.16 is 16%."""
    return float(np.diff(np.log(closes)).std()) * math.sqrt(YEAR_MINUTES / minutes)


def black_76(
    right: Literal["call", "put"], strike: float, years: float, volatility: float
) -> dict[str, float]:
    """Return value and Greeks of a European option on a future at 100, without interest.

    `strike` is in the same units; `vega` is per point of volatility, `theta` per day.
    """
    forward, sign = 100.0, 1 if right == "call" else -1
    width = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / width + width / 2
    d2 = d1 - width
    density = NORMAL.pdf(d1)
    return {
        "value": sign * (forward * NORMAL.cdf(sign * d1) - strike * NORMAL.cdf(sign * d2)),
        "delta": sign * NORMAL.cdf(sign * d1),
        "gamma": density / (forward * width),
        "vega": forward * density * math.sqrt(years) / 100,
        "theta": -forward * density * volatility / (2 * math.sqrt(years)) / 365,
    }


class CrossBacktests:
    """Backtests of moving-average crosses on one series of closes; averages are computed once."""

    def __init__(self, closes: np.ndarray) -> None:
        self._moves = np.diff(np.log(closes))
        self._sums = np.cumsum(np.concatenate([[0.0], closes]))
        self._averages: dict[int, np.ndarray] = {}

    def backtest(self, fast: int, slow: int, cost: float) -> dict[str, float]:
        """Return the results of one cross: long above, short below, decided at the bar before.

        `cost` is a part of the price per side. Results are net, in basis points, and without
        `_bps` in deviations of holding one contract for all bars.
        """
        position = np.sign(self._average(fast)[slow - fast :] - self._average(slow))[:-1]
        traded = np.abs(position)
        traded[1:] = np.abs(position[1:] - position[:-1])  # np.diff has more overhead
        earned = position * self._moves[slow - 1 :] - traded * cost
        curve = earned.cumsum()
        deviation = float(earned.std()) or 1e-12
        half = float(earned[: len(earned) // 2].sum())
        net, held = float(curve[-1]), float(self._moves.std()) * math.sqrt(len(earned)) or 1e-12
        drawdown = float((np.maximum.accumulate(curve) - curve).max())
        return {
            "net": round(net / held, 2),
            "first_half": round(half / held, 2),
            "second_half": round((net - half) / held, 2),
            "drawdown": round(drawdown / held, 2),
            "net_bps": _bps(net),
            "first_half_bps": _bps(half),
            "second_half_bps": _bps(net - half),
            "drawdown_bps": _bps(drawdown),
            "trades": float(np.count_nonzero(traded)),
            "edge_t": round(net / deviation / math.sqrt(len(earned)), 2),
        }

    def _average(self, count: int) -> np.ndarray:
        if count not in self._averages:
            self._averages[count] = (self._sums[count:] - self._sums[:-count]) / count
        return self._averages[count]


def _bps(part: float) -> float:
    return round(part * BPS, 1)
