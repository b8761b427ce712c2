"""The last price of each contract in each hour, from the run's own bars."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.engine.results.frames import TIME

HOUR = 3_600_000_000_000
MARKS: dict[str, Any] = {
    "ts": TIME,
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
        _last_closes(catalog, bar_type, contract, start, end)
        for bar_type in bar_types
        if (contract := bar_type.partition("-")[0]) in wanted
    ]
    return pl.concat(frames).sort("ts", "instrument_id") if frames else pl.DataFrame(schema=MARKS)


def _last_closes(catalog: Path, bar_type: str, contract: str, start: int, end: int) -> pl.DataFrame:
    hour = (pl.col("ts") - 1) // HOUR
    return (
        scanned(catalog / "data" / "bars" / bar_type / "*.parquet", "close")
        .select("close", ts=pl.col("ts_event").cast(pl.Int64))
        .filter(pl.col("ts").is_between(start, end))
        .sort("ts")
        .filter(hour.ne_missing(hour.shift(-1)))
        .select(pl.col("ts").cast(TIME), pl.lit(contract).alias("instrument_id"), "close")
        .collect()
    )
