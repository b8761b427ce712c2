"""A contract's bars from the catalog, downsampled for a chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from qe_plugins.data.catalog.decimals import scanned

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult

MOST_POINTS = 4_000
COLUMNS = ("high", "low", "close")


def downsampled(
    outcome: BacktestResult, instrument_id: str, window: tuple[int, int], points: int = MOST_POINTS
) -> pl.DataFrame:
    """Return ts, high, low, close of one contract in `window` (UTC ns, both ends included).

    At most about `points` rows, each the range and last close of an equal time interval. If the
    catalog has no bars of the contract, the run's hourly marks are used.
    """
    width = max((window[1] - window[0]) // points + 1, 1)
    moment = pl.col("ts").cast(pl.Int64)
    return (
        _bars(outcome, instrument_id)
        .filter(moment.is_between(*window))
        .group_by(interval=moment // width)
        .agg(pl.col("ts").last(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last())
        .sort("ts")
        .select("ts", *COLUMNS)
        .collect()
    )


def at(outcome: BacktestResult, instrument_id: str, moments: pl.Series) -> pl.Series:
    """Return the last close at each of the sorted `moments`; null before the first bar."""
    closes = _bars(outcome, instrument_id).select("ts", "close")
    return moments.to_frame("ts").lazy().join_asof(closes, on="ts").collect()["close"]


def activity(outcome: BacktestResult, instrument_id: str) -> pl.DataFrame:
    """Return ts (UTC ns), close and volume of every bar of a contract; empty without a catalog."""
    if not (files := _files(outcome, instrument_id)):
        return pl.DataFrame(schema={"ts": pl.Int64, "close": pl.Float64, "volume": pl.Float64})
    figures = ("close", "volume")
    ts = pl.col("ts_event").cast(pl.Int64)
    return scanned(files, *figures).select(ts.alias("ts"), *figures).collect()


def _files(outcome: BacktestResult, instrument_id: str) -> list[Path]:
    folder = outcome.catalog / "data" / "bars"
    return sorted(folder.glob(f"{instrument_id}-{outcome.bar_spec}-*/**/*.parquet"))


def _bars(outcome: BacktestResult, instrument_id: str) -> pl.LazyFrame:
    files = _files(outcome, instrument_id)
    if not files:
        return _marks(outcome, instrument_id)
    return scanned(files, *COLUMNS).select(pl.col("ts_event").alias("ts"), *COLUMNS).sort("ts")


def _marks(outcome: BacktestResult, instrument_id: str) -> pl.LazyFrame:
    own = outcome.marks.lazy().filter(pl.col("instrument_id") == instrument_id).sort("ts")
    return own.select("ts", high="close", low="close", close="close")
