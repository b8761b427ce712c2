"""Hourly prices of contracts and quotes of options, from the run's own bars and quotes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.engine.results.frames import TIME

if TYPE_CHECKING:
    from qe_plugins.data.catalog.catalog import CatalogSeries
    from qe_plugins.data.tape import Tape

HOUR = 3_600_000_000_000
MARKS: dict[str, Any] = {
    "ts": TIME,
    "instrument_id": pl.String,
    "close": pl.Float64,
}

QUOTES = {
    "bid_price": "bid",
    "ask_price": "ask",
    "bid_size": "bid_size",
    "ask_size": "ask_size",
}
"""Columns of quotes in a catalog, and their names in `option_quotes`."""


def option_quotes(tape: Tape, contracts: Iterable[str]) -> pl.DataFrame | None:
    """Return the quotes of those of `contracts` that are options; None without any.

    Columns: ts, instrument_id, bid and ask (points), bid_size, ask_size.
    """
    wanted = {one.id for one in tape.options}.intersection(contracts)
    frames = [
        scanned(one.files, *QUOTES)
        .select(
            pl.col("ts_event").cast(pl.Int64).cast(TIME).alias("ts"),
            pl.lit(one.contract).alias("instrument_id"),
            *(pl.col(name).alias(column) for name, column in QUOTES.items()),
        )
        .collect()
        for one in tape.series
        if one.contract in wanted
    ]
    return pl.concat(frames) if frames else None


def hourly(tape: Tape, contracts: Iterable[str]) -> pl.DataFrame:
    """Return the last close of every hour in which each of `contracts` traded.

    Of an option it is the middle of its last quote.
    """
    wanted, start, end = set(contracts), tape.start, tape.end
    frames = [
        _last_closes(tape.catalog, bar_type, contract, start, end)
        for bar_type in tape.bar_types
        if (contract := bar_type.partition("-")[0]) in wanted
    ]
    options = {one.id for one in tape.options} & wanted
    frames += [_last_middles(one) for one in tape.series if one.contract in options]
    return pl.concat(frames).sort("ts", "instrument_id") if frames else pl.DataFrame(schema=MARKS)


def _last_closes(catalog: Path, bar_type: str, contract: str, start: int, end: int) -> pl.DataFrame:
    closes = (
        scanned(catalog / "data" / "bars" / bar_type / "*.parquet", "close")
        .select("close", ts=pl.col("ts_event").cast(pl.Int64))
        .filter(pl.col("ts").is_between(start, end))
    )
    return _last_of_hours(closes, contract)


def _last_middles(series: CatalogSeries) -> pl.DataFrame:
    files = series.files
    middle = (pl.col("bid_price") + pl.col("ask_price")) / 2
    quotes = scanned(files, "bid_price", "ask_price").select(
        middle.alias("close"), ts=pl.col("ts_event").cast(pl.Int64)
    )
    return _last_of_hours(quotes, series.contract)


def _last_of_hours(prices: pl.LazyFrame, contract: str) -> pl.DataFrame:
    hour = (pl.col("ts") - 1) // HOUR
    return (
        prices.sort("ts")
        .filter(hour.ne_missing(hour.shift(-1)))
        .select(pl.col("ts").cast(TIME), pl.lit(contract).alias("instrument_id"), "close")
        .collect()
    )
