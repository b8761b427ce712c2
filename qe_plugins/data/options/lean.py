"""Read the minute quotes of QuantConnect LEAN's sample data: csv in zip, times in UTC.

A file's times are those at which a bar begins; its closing quote is known a minute later.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from qe_plugins.data.options.frames import (
    BARS,
    QUOTES,
    ChainData,
    first_known,
    stacked,
)
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import MONTH_LETTERS
from qe_plugins.market.listed_options import ListedOption, named_option

MINUTE_MS, DAY_MS = 60_000, 86_400_000
QUOTE_COLUMNS = ("ms", "bo", "bh", "bl", "bid", "bid_size", "ao", "ah", "al", "ask", "ask_size")
TRADE_COLUMNS = ("ms", "open", "high", "low", "close", "volume")
MEMBER = re.compile(
    r"(?P<day>\d{8})_(?P<root>\w+)_minute_quote_\w+_(?P<right>call|put)_(?P<strike>\d+)"
    r"_(?P<expiry>\d{8})\.csv"
)
FUTURE = re.compile(r"(?P<day>\d{8})_(?P<root>\w+)_minute_trade_(?P<month>\d{6})\.csv")
TEN_THOUSANDTHS = Decimal(10_000)


def is_lean(folder: Path) -> bool:
    """Say whether a folder is laid out as LEAN's option data."""
    return any(folder.glob("minute/*/*/*_quote_*.zip"))


def read_lean(folder: Path, root: str) -> ChainData:
    """Return the quotes of a root's options and the last trades of its futures, by minute.

    Raises DataError where the folder has none of the root.
    """
    contracts: dict[str, ListedOption] = {}
    quotes = []
    for file in sorted(folder.glob(f"minute/{root.lower()}/*/*_quote_*.zip")):
        for name, content in _members(file):
            if found := MEMBER.fullmatch(name):
                one = _contract(root, found)
                contracts[one.symbol] = one
                quotes.append(_quotes(content, found["day"], one.symbol))
    if not contracts:
        raise DataError(f"no option quotes of {root}.", where=str(folder))
    bars = [
        _bars(content, found)
        for file in sorted(folder.glob("*_trade.zip"))
        for name, content in _members(file)
        if (found := FUTURE.fullmatch(name)) and found["root"] == root.lower()
    ]
    stacked_quotes, stacked_bars = stacked(quotes, QUOTES), stacked(bars, BARS)
    return ChainData(
        root=root,
        contracts=contracts,
        known=first_known(stacked_quotes),
        quotes=stacked_quotes,
        futures=stacked_bars.select(pl.col("ts"), "future", pl.col("close").alias("price")),
        bars=stacked_bars,
        refused={},
    )


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"cannot be read: {error}.", where=str(file)) from error


def _contract(root: str, found: re.Match[str]) -> ListedOption:
    day = _date(found["expiry"])
    strike = Decimal(found["strike"]) / TEN_THOUSANDTHS
    letter = MONTH_LETTERS[day.month - 1]
    right = "C" if found["right"] == "call" else "P"
    return named_option(f"{root}{letter}{day:%y} {right}{strike.normalize():f}", day)


def _quotes(content: bytes, day: str, symbol: str) -> pl.DataFrame:
    frame = _csv(content, QUOTE_COLUMNS, day)
    return frame.select("ts", pl.lit(symbol).alias("symbol"), *list(QUOTES)[2:])


def _bars(content: bytes, found: re.Match[str]) -> pl.DataFrame:
    month = datetime.strptime(found["month"], "%Y%m")
    name = f"{found['root'].upper()}{MONTH_LETTERS[month.month - 1]}{month:%y}"
    frame = _csv(content, TRADE_COLUMNS, found["day"])
    return frame.select("ts", pl.lit(name).alias("future"), *TRADE_COLUMNS[1:])


def _csv(content: bytes, columns: tuple[str, ...], day: str) -> pl.DataFrame:
    frame = pl.read_csv(
        io.BytesIO(content),
        has_header=False,
        new_columns=list(columns),
        schema_overrides=dict.fromkeys(columns, pl.Float64),
    )
    midnight = (_date(day) - date(1970, 1, 1)).days * DAY_MS
    known = (midnight + pl.col("ms").cast(pl.Int64) + MINUTE_MS) * 1_000_000
    return frame.with_columns(known.alias("ts"))


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()
