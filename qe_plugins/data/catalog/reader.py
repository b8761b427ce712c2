"""Read a catalog's records as columns and convert them with Nautilus' own wranglers.

The catalog's own query returns the same records in twice the processor time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.persistence import (
    BarDataWrangler,
    QuoteTickDataWrangler,
    TradeTickDataWrangler,
)

from qe_plugins.bars import NUMBERS, STAMPS, Bars
from qe_plugins.data.catalog.catalog import CatalogSeries, Record, RecordKind
from qe_plugins.data.catalog.decimals import floats
from qe_plugins.data.catalog.row_groups import RowGroup, times


class BarColumns:
    """The bars of a chunk by bar type; columns are built on first use."""

    def __init__(self, tables: Mapping[str, Sequence[pa.Table]]) -> None:
        self._read_window = tables
        self._built: dict[str, Bars] = {}

    @property
    def bar_types(self) -> list[str]:
        """Return the bar types in the chunk, in the order of the tape."""
        return list(self._read_window)

    def of(self, bar_type: str) -> Bars:
        """Return the bars of a type, oldest first. Raises KeyError without any."""
        if bar_type not in self._built:
            table = pa.concat_tables(self._read_window[bar_type])
            found = {name: times(table, name) for name in STAMPS}
            found |= zip(NUMBERS, floats(table, *NUMBERS), strict=True)
            if (np.diff(found["ts_init"]) < 0).any():
                order = np.argsort(found["ts_init"], kind="stable")
                found = {name: column[order] for name, column in found.items()}
            self._built[bar_type] = Bars(bar_type, found)
        return self._built[bar_type]

    def of_contract(self, contract: str) -> list[Bars]:
        """Return the bars of a contract (id), one item per bar type."""
        return [self.of(one) for one in self._read_window if one.partition("-")[0] == contract]


NO_COLUMNS = BarColumns({})


WRANGLERS: dict[RecordKind, Any] = {
    RecordKind.QUOTES: QuoteTickDataWrangler,
    RecordKind.TRADES: TradeTickDataWrangler,
    RecordKind.BARS: BarDataWrangler,
}
CLOSED = "ts_event"
DECODE_ROWS = 2_000
"""Rows converted at once: few, so that their memory is reused."""

type NamedTable = tuple[RecordKind, str, pa.Table]
"""Kind, name and rows of a series."""


class SplicedSeries(msgspec.Struct, frozen=True):
    """A series spliced from the bars of other series, under a name of its own.

    Each part is a time (a bar's close, UTC nanoseconds) and the series to take from then on.
    """

    name: str
    parts: tuple[tuple[int, str], ...]


class SplicedBars(msgspec.Struct, frozen=True):
    """Consecutive bars of a spliced series; each copies a bar of the series `of`."""

    name: str
    of: str
    bars: list[Any]


class Chunk(msgspec.Struct, frozen=True):
    """Consecutive records of a tape, and the spliced bars that belong to them, in order.

    `columns` has the bars among the records as columns.
    """

    records: list[Record]
    spliced_bars: list[SplicedBars]
    columns: BarColumns = NO_COLUMNS


class ChunkReader:
    """Reads series window by window; caches the row groups that extend into the next window."""

    def __init__(self, series: Iterable[CatalogSeries]) -> None:
        self._series = {(one.kind, one.name): one for one in series}
        self._cached: dict[RowGroup, pa.Table] = {}

    def read(self, first: int, last: int, spliced: Iterable[SplicedSeries] = ()) -> Chunk:
        """Return every record with first <= `ts_init` <= last, in order; both UTC nanoseconds.

        At one instant series come in their order; bars that a spliced series copies come last.
        """
        tables = [
            (one.kind, one.name, table)
            for one in self._series.values()
            for table in self._read_window(one, first, last)
        ]
        spliced_bars: list[SplicedBars] = []
        columns = _bar_columns(tables)
        for one in spliced:
            tables, split = _split_spliced(tables, one)
            spliced_bars += [
                SplicedBars(one.name, of, _decode(RecordKind.BARS, one.name, t)) for of, t in split
            ]
            tables += [(RecordKind.BARS, of, table) for of, table in split]
        self._cached = {group: table for group, table in self._cached.items() if group.last > last}
        stamps = [times(table) for *_, table in tables]
        records = [record for each in tables for record in _decode(*each)]
        if not _in_order(stamps):
            records = _sort_records(records, np.concatenate(stamps))
        return Chunk(records, spliced_bars, columns)

    def _read_window(self, series: CatalogSeries, first: int, last: int) -> Iterable[pa.Table]:
        """Yield the rows of a series in a window, row group by row group."""
        for group in series.groups:
            if group.last < first or group.first > last:
                continue
            table = self._cached.get(group)
            if table is None:
                table = self._cached[group] = _read_row_group(group)
            if group.first >= first and group.last <= last:
                yield table
            else:
                stamps = times(table)
                yield _filter_rows(table, (stamps >= first) & (stamps <= last))


def _bar_columns(tables: Iterable[NamedTable]) -> BarColumns:
    found: dict[str, list[pa.Table]] = {}
    for kind, name, table in tables:
        if kind is RecordKind.BARS and table.num_rows:
            found.setdefault(name, []).append(table)
    return BarColumns(found)


def _split_spliced(
    tables: list[NamedTable], spliced: SplicedSeries
) -> tuple[list[NamedTable], list[tuple[str, pa.Table]]]:
    """Return the tables without the bars of a spliced series, and its bars by source series."""
    ends = [since for since, _ in spliced.parts[1:]] + [2**63 - 1]
    spans = {name: (since, until) for (since, name), until in zip(spliced.parts, ends, strict=True)}
    rest: list[NamedTable] = []
    found: dict[str, list[pa.Table]] = {name: [] for name in spans}
    for kind, name, table in tables:
        if kind is not RecordKind.BARS or name not in spans:
            rest.append((kind, name, table))
            continue
        closed, (since, until) = times(table, CLOSED), spans[name]
        spliced_rows = (closed >= since) & (closed < until)
        rest.append((kind, name, _filter_rows(table, ~spliced_rows)))
        found[name].append(_filter_rows(table, spliced_rows))
    spliced_bars = [
        (name, table) for name, parts in found.items() for table in parts if table.num_rows
    ]
    return [one for one in rest if one[2].num_rows], spliced_bars


def _read_row_group(group: RowGroup) -> pa.Table:
    with pq.ParquetFile(group.file) as parquet:
        table = parquet.read_row_group(group.index, use_threads=False)  # too few rows to share
        return table.replace_schema_metadata(parquet.schema_arrow.metadata)


def _filter_rows(table: pa.Table, wanted: np.ndarray) -> pa.Table:
    """Return the wanted rows, without a copy where they are consecutive."""
    at = np.flatnonzero(wanted)
    if at.size == 0 or at[-1] - at[0] == at.size - 1:
        return table.slice(at[0] if at.size else 0, at.size)
    return table.take(pa.Array.from_buffers(pa.int64(), at.size, [None, pa.py_buffer(at)]))


def _decode(kind: RecordKind, name: str, table: pa.Table) -> list[Record]:
    metadata = table.schema.metadata
    precisions = (int(metadata[key]) for key in (b"price_precision", b"size_precision"))
    wrangler = WRANGLERS[kind](name, *precisions)
    records: list[Record] = []
    for first in range(0, table.num_rows, DECODE_ROWS):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.slice(first, DECODE_ROWS))
        records += wrangler.process_record_batch_bytes(sink.getvalue().to_pybytes())
    return records


def _in_order(stamps: list[np.ndarray]) -> bool:
    ends = [(part[0], part[-1]) for part in stamps if part.size]
    follow = all(a[1] < b[0] for a, b in pairwise(ends))
    return follow and all((np.diff(part) >= 0).all() for part in stamps)


def _sort_records(records: list[Record], stamps: np.ndarray) -> list[Record]:
    return [records[n] for n in np.argsort(stamps, kind="stable").tolist()]
