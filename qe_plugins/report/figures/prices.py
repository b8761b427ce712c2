"""A contract's bars from the catalog, downsampled for a chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from qe_plugins.data.catalog.bar_spec import length_of
from qe_plugins.data.catalog.decimals import scanned

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult

MOST_POINTS = 4_000
COLUMNS = ("open", "high", "low", "close")
SECOND = 10**9
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
WIDTHS = (
    *(n * SECOND for n in (1, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(n * HOUR for n in (1, 2, 3, 4, 6, 8, 12, 24)),
)
"""Nanoseconds of the intervals that a chart shows."""


def downsampled(
    outcome: BacktestResult, instrument_id: str, window: tuple[int, int], points: int = MOST_POINTS
) -> pl.DataFrame:
    """Return ts, open, high, low, close of one contract in `window` (UTC ns, ends included).

    At most about `points` rows, each an interval of `width_for` and stamped with the last bar in
    it. If the catalog has no bars of the contract, the run's hourly marks are used.
    """
    return merged(outcome, instrument_id, [window], width_for(window[1] - window[0], points))


def merged(
    outcome: BacktestResult, instrument_id: str, windows: list[tuple[int, int]], width: int
) -> pl.DataFrame:
    """Return ts, open, high, low, close of the bars in sorted windows, a row an interval.

    `width` and the windows are nanoseconds. A bar belongs to the interval in which it closes.
    """
    moment = pl.col("ts").cast(pl.Int64)
    whole = (windows[0][0], windows[-1][1])
    bars = _bars(outcome, instrument_id).filter(moment.is_between(*whole)).collect()
    inside = pl.DataFrame(windows, schema=["from", "to"], orient="row")
    return (
        bars.with_columns(moment=moment)
        .join_asof(inside, left_on="moment", right_on="from")
        .filter(pl.col("moment") <= pl.col("to"))
        .group_by(interval=(pl.col("moment") - 1) // width)
        .agg(
            pl.col("ts", "close").last(),
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
        )
        .sort("ts")
        .select("ts", *COLUMNS)
    )


def width_for(span: int, points: int, least: int = 0) -> int:
    """Return nanoseconds of an interval, at least `least`, that fits `points` times in `span`."""
    needed = max(span // points + 1, least)
    return next((width for width in WIDTHS if width >= needed), needed)


def bar_length(outcome: BacktestResult, instrument_id: str) -> int:
    """Return the length of a contract's bars in nanoseconds.

    Without bars of a fixed length it is the shortest time between two of them, 0 below two.
    """
    length = length_of(outcome.bar_spec)
    if length and _files(outcome, instrument_id):
        return length
    steps = _bars(outcome, instrument_id).select(pl.col("ts").cast(pl.Int64).diff())
    return int(steps.filter(pl.col("ts") > 0).min().collect().item() or 0)


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
    return own.select("ts", **dict.fromkeys(COLUMNS, "close"))
