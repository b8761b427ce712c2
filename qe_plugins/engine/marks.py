"""What each contract was worth hour by hour, from the tape itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

MARKS: dict[str, Any] = {
    "ts": pl.Datetime("ns", "UTC"),
    "instrument_id": pl.String,
    "close": pl.Float64,
}


def hourly(
    catalog: Path, bar_types: Iterable[str], contracts: Iterable[str], start: int, end: int
) -> pl.DataFrame:
    """Return the last close of every hour in which each of `contracts` traded.

    `start` and `end` are the first and last moment (UTC ns) of the window, both inclusive.
    """
    wanted = set(contracts)
    frames = [
        _of_one(catalog, bar_type, contract, start, end)
        for bar_type in bar_types
        if (contract := bar_type.partition("-")[0]) in wanted
    ]
    return pl.concat(frames).sort("ts", "instrument_id") if frames else pl.DataFrame(schema=MARKS)


def _of_one(catalog: Path, bar_type: str, contract: str, start: int, end: int) -> pl.DataFrame:
    ts = pl.col("ts_event").cast(pl.Datetime("ns", "UTC"))
    hour = (ts - pl.duration(nanoseconds=1)).dt.truncate("1h")
    return (
        pl.scan_parquet(catalog / "data" / "bars" / bar_type / "*.parquet")
        .select(ts=ts, hour=hour, close=pl.col("close").cast(pl.Float64))
        .filter(pl.col("ts").cast(pl.Int64).is_between(start, end))
        .group_by("hour")
        .agg(pl.col("ts").max(), pl.col("close").sort_by("ts").last())
        .select("ts", pl.lit(contract).alias("instrument_id"), "close")
        .collect()
    )
