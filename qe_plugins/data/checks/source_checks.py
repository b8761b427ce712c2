"""Check every source before a run: contract terms, prices, time order, duplicates.

Databento files, Parquet catalogs and generated data are checked alike. A passed check is cached by
the files, their sizes and their modification times.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model import FuturesContract

from qe_plugins import state_dir
from qe_plugins.data.catalog.catalog import CatalogSeries, RecordKind, refusal
from qe_plugins.data.catalog.decimals import nanos
from qe_plugins.data.catalog.row_groups import STAMP, RowGroup, times
from qe_plugins.data.checks.prices import PRICES, Column, in_time, off_the_tick, wrong_bars
from qe_plugins.errors import DataError
from qe_plugins.market.specs import FILE, markets

FORM = "1"  # version of the check; a change repeats every check
CLOSED = "ts_event"
COLUMNS = {
    RecordKind.BARS: PRICES,
    RecordKind.QUOTES: ("bid_price", "ask_price"),
    RecordKind.TRADES: ("price",),
}
WORDS = {RecordKind.BARS: "bar", RecordKind.QUOTES: "quote", RecordKind.TRADES: "trade"}
HINT = "Get or write the data again; nothing was run."


def check_contracts(contracts: Mapping[str, FuturesContract], place: str) -> None:
    """Raise DataError for a contract whose tick or multiplier is not that of its root."""
    wrong = []
    for name, one in contracts.items():
        terms = markets().roots.get(one.underlying)
        tick, multiplier = one.price_increment.as_decimal(), one.multiplier.as_decimal()
        if terms is None:
            continue
        for figure, stated, expected in (
            ("multiplier", multiplier, terms.multiplier),
            ("tick", tick, terms.tick),
        ):
            if stated != expected:
                wrong.append(f"{name}: {figure} {stated:,f}, but {expected:,f} in {FILE}")
    if wrong:
        raise refusal(wrong, place)


def check_series(
    series: Sequence[CatalogSeries],
    contracts: Mapping[str, FuturesContract],
    start: int,
    end: int,
    place: str,
) -> None:
    """Raise DataError, at `place`, for the first invalid record with start <= time < end.

    Times are UTC nanoseconds.
    """
    for one in series:
        contract = contracts[one.contract]
        groups = [g for g in one.groups if g.last >= start and g.first < end]
        mark = _passed_mark(one, contract, groups, start, end)
        if mark.exists():
            continue
        for text in _series_faults(one, contract, groups, start, end, place):
            raise DataError(f"{one.name}: {text}.", where=place, hint=HINT)
        with suppress(OSError):  # the cache is optional
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _passed_mark(
    series: CatalogSeries,
    contract: FuturesContract,
    groups: Sequence[RowGroup],
    start: int,
    end: int,
) -> Path:
    """Return the file that marks a passed check."""
    files = []
    for file in dict.fromkeys(group.file for group in groups):
        stat = os.stat(file)
        files.append(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    terms = f"{contract.price_increment} {contract.price_precision}"
    text = msgspec.json.encode([FORM, series.kind.value, terms, start, end, files])
    return state_dir.cache_dir() / "checked" / hashlib.sha256(text).hexdigest()[:32]


def _series_faults(
    series: CatalogSeries,
    contract: FuturesContract,
    groups: Sequence[RowGroup],
    start: int,
    end: int,
    place: str,
) -> Iterator[str]:
    tick = int(contract.price_increment.as_decimal().scaleb(9))
    stamps_of_groups: list[Column] = [np.empty(0, np.int64)]
    for group in groups:
        prices, closed, stamps = _read_columns(series, contract, group, place)
        inside = (stamps >= start) & (stamps < end)
        if not inside.all():
            prices = {name: column[inside] for name, column in prices.items()}
            closed, stamps = closed[inside], stamps[inside]
        if series.kind is RecordKind.BARS:
            yield from wrong_bars(prices, closed, tick)
        else:
            yield from off_the_tick(list(prices.values()), closed, tick, WORDS[series.kind])
        stamps_of_groups.append(closed if series.kind is RecordKind.BARS else stamps)
    whole = np.concatenate(stamps_of_groups)
    if series.kind is RecordKind.BARS:
        yield from in_order_once(whole)
    else:
        yield from in_time(whole, WORDS[series.kind])


def in_order_once(stamps: Column) -> Iterator[str]:
    """Yield the faults of bar times that must be sorted and unique."""
    nothing = {name: np.zeros(len(stamps), np.int64) for name in PRICES}
    yield from wrong_bars(nothing, stamps, None)


def _read_columns(
    series: CatalogSeries, contract: FuturesContract, group: RowGroup, place: str
) -> tuple[dict[str, Column], Column, Column]:
    """Return prices in 1e-9 points, and `ts_event` and `ts_init` of each record (UTC ns)."""
    wanted = COLUMNS[series.kind]
    try:
        with pq.ParquetFile(group.file) as parquet:
            precision = (parquet.schema_arrow.metadata or {}).get(b"price_precision", b"")
            table = parquet.read_row_group(
                group.index, columns=[*wanted, CLOSED, STAMP], use_threads=False
            )
        if precision != str(contract.price_precision).encode():
            decimals = precision.decode(errors="replace") or "no"
            raise DataError(
                f"{group.file} has prices of {decimals} decimals, and {contract.id} has "
                f"{contract.price_precision}.",
                where=place,
                hint=HINT,
            )
        if any(column.null_count for column in table.columns):
            raise pa.ArrowInvalid("a value is missing")
        prices = dict(zip(wanted, nanos(table, *wanted), strict=True))
        return prices, times(table, CLOSED), times(table)
    except (pa.ArrowException, OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{group.file} cannot be read: {(str(error).splitlines() or ['it is damaged'])[0]}.",
            where=place,
            hint=HINT,
        ) from error
