"""Columns of option quotes and of futures' prices, whatever file they came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
import polars as pl

from qe_plugins.market.listed_options import ListedOption

QUOTES: dict[str, type[pl.DataType]] = {
    "ts": pl.Int64,
    "symbol": pl.Utf8,
    "bid": pl.Float64,
    "ask": pl.Float64,
    "bid_size": pl.Float64,
    "ask_size": pl.Float64,
}
"""A quote a row: when it was known (UTC ns), points, contracts. A side without a price is null."""

FUTURES: dict[str, type[pl.DataType]] = {"ts": pl.Int64, "future": pl.Utf8, "price": pl.Float64}
"""One price of a future a row: when it was known (UTC ns), the contract, points."""

BARS: dict[str, type[pl.DataType]] = {
    "ts": pl.Int64,
    "future": pl.Utf8,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Float64,
}
"""A minute bar of a future a row: when it closed (UTC ns), the contract, points, contracts."""


class ChainData(msgspec.Struct, frozen=True, kw_only=True):
    """Listed options of a root with their quotes, and prices of their futures, sorted by time.

    `bars` are the futures' minute bars, which a backtest runs on; empty where the source has none.
    `known` is the first UTC day on which each contract is known to be listed. `refused` has the
    definitions left out, with the reason.
    """

    root: str
    contracts: dict[str, ListedOption]
    known: dict[str, date]
    quotes: pl.DataFrame
    futures: pl.DataFrame
    bars: pl.DataFrame
    refused: dict[str, str]

    @property
    def days(self) -> list[date]:
        """Return the UTC days that have quotes."""
        return days_of(self.quotes["ts"])


def days_of(ts: pl.Series) -> list[date]:
    """Return the UTC days of times in nanoseconds."""
    return ts.cast(pl.Datetime("ns")).dt.date().unique().sort().to_list()


def first_known(quotes: pl.DataFrame) -> dict[str, date]:
    """Return the first day with a quote of each symbol."""
    day = pl.col("ts").cast(pl.Datetime("ns")).dt.date()
    return dict(quotes.group_by("symbol").agg(day.min()).iter_rows())


def stacked(frames: Iterable[pl.DataFrame], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    """Return frames of a schema as one, by time."""
    return pl.concat([pl.DataFrame(schema=schema), *frames]).sort(next(iter(schema)))
