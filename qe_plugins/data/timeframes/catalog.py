"""The catalog of a run whose bars are made from minutes, built into the cache on first use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.schema import DataSettings
from qe_plugins.data.catalog.bar_spec import MINUTES, length_of, read_as
from qe_plugins.data.catalog.build_cache import cached
from qe_plugins.data.catalog.catalog import Catalog, CatalogSeries, RecordKind, open_catalog
from qe_plugins.data.catalog.decimals import DIGITS, nanos
from qe_plugins.data.catalog.row_groups import times
from qe_plugins.data.catalog.selection import FAR, Where
from qe_plugins.data.catalog.writer import PRICES, bar_table, write_series
from qe_plugins.data.checks import source_checks
from qe_plugins.data.timeframes.aggregation import (
    MinuteBars,
    TradingSessions,
    aggregated,
    session_edges,
)
from qe_plugins.errors import DataError

FORM = "1"  # version of the aggregation; a change builds every catalog again
CLOSED = "ts_event"


def with_bars(
    catalog: Catalog, data: DataSettings, contracts: set[str], where: Where
) -> tuple[Catalog, bool]:
    """Return a catalog with the bars of `data.bars` of some contracts, and whether they were made.

    Bars that the catalog has of each contract are used as they are; else all are made of its
    minutes, which are checked first. Raises DataError for minutes that fail the check, and for
    bars to be made in a run on quotes or trades.
    """
    bars = [
        one
        for one in catalog.series
        if one.kind is RecordKind.BARS and one.contract in contracts and one.groups
    ]
    specs: dict[str, set[str]] = {}
    for one in bars:
        specs.setdefault(one.contract, set()).add(one.spec)
    spec = read_as(data.bars, set.intersection(*specs.values()) if specs else ())
    if spec == data.bars:
        return catalog, False
    if data.quotes or data.trades:
        raise DataError(
            f"the data has no {data.bars} bars, and with quotes or trades none are made.",
            where=where("bars"),
            hint=f"Write 'bars: {MINUTES}', and let the strategy aggregate (configs/README.md).",
        )
    minutes = [one for one in bars if one.spec == MINUTES]
    source_checks.check_series(minutes, catalog.contracts, 0, FAR, where("bars"))
    edges = {one.contract: _edges(one, catalog.contracts[one.contract]) for one in minutes}
    known = [(one.name, one.file_states, edges[one.contract].closes.tobytes()) for one in minutes]
    made = cached(
        "timeframes",
        hashlib.sha256(msgspec.json.encode([FORM, data.bars, known])).hexdigest()[:32],
        build=lambda folder: _build(folder, catalog, edges, minutes, data.bars),
        read=lambda folder: open_catalog(folder, where("bars")),
    )
    return msgspec.structs.replace(catalog, folder=made.folder, series=made.series), True


def _build(
    folder: Path,
    catalog: Catalog,
    edges: Mapping[str, TradingSessions],
    minutes: Sequence[CatalogSeries],
    spec: str,
) -> None:
    contracts = [catalog.contracts[one.contract] for one in minutes]
    ParquetDataCatalog(str(folder)).write_instruments(contracts)
    length = length_of(spec)
    assert length
    for one, contract in zip(minutes, contracts, strict=True):
        bars = aggregated(_read_minutes(one), length, edges[one.contract])
        table = bar_table(
            [getattr(bars, name) for name in PRICES],
            bars.volume,
            bars.closes_at,
            scale=DIGITS,
            precision=contract.price_precision,
        )
        write_series(folder, RecordKind.BARS, f"{contract.id}-{spec}-EXTERNAL", table)


def _read_minutes(series: CatalogSeries) -> MinuteBars:
    """Return all minutes of a series, whose files may follow each other in any order."""
    columns = [*PRICES, "volume", CLOSED]
    table = pa.concat_tables(pq.ParquetFile(file).read(columns) for file in series.files)
    *prices, volume = nanos(table, *PRICES, "volume")
    stamps = times(table, CLOSED)
    order = np.argsort(stamps, kind="stable")
    return MinuteBars(*(one[order] for one in (stamps, *prices, volume // 10**DIGITS)))


def _edges(series: CatalogSeries, contract: FuturesContract) -> TradingSessions:
    first = min(group.first for group in series.groups)
    last = max(group.last for group in series.groups)
    return session_edges(contract.underlying, first, last)
