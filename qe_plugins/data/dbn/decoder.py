"""Decode quotes and trades of Databento files into a Parquet catalog, under two-digit-year ids.

Nautilus' loader decodes and Nautilus' catalog writes, both under the raw names of the feed. Raw
names repeat every ten years, so each record is then assigned to the contract of its name that had
not yet expired: column by column, since a Python object per record would be slow.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.catalog import row_groups
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.selection import FAR, written
from qe_plugins.data.catalog.writer import write_tables
from qe_plugins.data.dbn.files import DbnFile, decoding, slices
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED, dated_key

type SeriesSlice = tuple[Path, int, int]  # a Parquet file, start and end time (UTC ns, exclusive)


def refuse_shared(parts: Sequence[SeriesSlice], name: str, place: str) -> None:
    """Raise DataError where two source files have quotes or trades of the same time.

    Files of one source share a folder, with one folder per slice in it.
    """
    spans: dict[Path, list[row_groups.TimeSpan]] = defaultdict(list)
    for file, since, until in parts:
        if span := row_groups.span(row_groups.groups(file), since, until):
            spans[file.parents[4]].append(span)
    whole = sorted(
        (min(s.first for s in found), max(s.last for s in found)) for found in spans.values()
    )
    for (_, last), (first, _) in pairwise(whole):
        if first < last:
            raise DataError(
                f"{name}: two files have records of {written(first)}: its days are in more than "
                "one file.",
                where=place,
                hint="Name the files to use, each day once.",
            )


def in_order(parts: Sequence[SeriesSlice]) -> Iterator[pa.Table]:
    """Yield a series' records in time order: part by part, or one merged table if parts overlap."""
    spans = [
        (span, part)
        for part in parts
        if (span := row_groups.span(row_groups.groups(part[0]), part[1], part[2]))
    ]
    spans.sort(key=lambda one: (one[0].first, one[0].last))
    tables = (_read_slice(*part) for _, part in spans)
    if all(one.last <= following.first for (one, _), (following, _) in pairwise(spans)):
        yield from tables
    else:
        yield pa.concat_tables(list(tables)).sort_by(row_groups.STAMP)


def _read_slice(file: Path, since: int, until: int) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        table = parquet.read().replace_schema_metadata(parquet.schema_arrow.metadata)
    first, last = np.searchsorted(row_groups.times(table), (since, until))
    return table.slice(first, last - first)


PUBLISHERS = Path(__file__).with_name("publishers.json")
LOADS = {  # the loader's method by schema; of several schemas of a kind the first is used
    RecordKind.QUOTES: {
        "mbp-1": "load_quotes",
        "bbo-1s": "load_bbo_quotes",
        "bbo-1m": "load_bbo_quotes",
        "tbbo": "load_quotes",
    },
    RecordKind.TRADES: {"trades": "load_trades", "tbbo": "load_tbbo_trades"},
}
UNCOMPRESSED = 0  # of raw catalogs, which are read once
AFTER_EXPIRY = 2 * 86_400 * 1_000_000_000  # the next contract of a name is listed years later
UNKNOWN_PRECISION = 9  # of spreads and options, which are left out

type Load = Callable[[Path], list[Any]]


def decode(
    files: Sequence[DbnFile],
    schemas: dict[RecordKind, str],
    contracts: Mapping[str, FuturesContract],
    folder: Path,
    place: str,
) -> None:
    """Write the quotes and trades of contracts into the catalog in `folder`.

    `schemas` has the schema to use for each kind, `contracts` are by name; other records are left
    out. Raises DataError for records after the expiry of every defined contract.
    """
    listed: dict[str, list[FuturesContract]] = defaultdict(list)
    for one in sorted(contracts.values(), key=attrgetter("expiration_ns")):
        listed[str(one.raw_symbol)].append(one)
    loader = DatabentoDataLoader(PUBLISHERS)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as raw:
        slices_of: dict[tuple[RecordKind, str], list[SeriesSlice]] = defaultdict(list)
        for number, file in enumerate(files):
            for symbol in file.symbols:
                known = listed[symbol][0].price_precision if symbol in listed else None
                loader.set_price_precision(symbol, UNKNOWN_PRECISION if known is None else known)
            for kind in (kind for kind, schema in schemas.items() if schema == file.schema):
                if kind is RecordKind.BARS:
                    continue
                load = getattr(loader, LOADS[kind][file.schema])
                path = Path(raw, f"{number}-{kind.value}")
                _write_raw(path, kind, load, file, place)
                for key, slice_ in _dated_slices(path, kind, listed, file, place):
                    slices_of[key].append(slice_)
        for (kind, name), parts in slices_of.items():
            refuse_shared(parts, name, place)
            write_tables(folder, kind, name, in_order(parts))


def refuse_undefined(
    files: Iterable[DbnFile],
    contracts: Mapping[str, FuturesContract],
    refused: Collection[str],
    place: str,
) -> None:
    """Raise DataError for a file that has futures without a definition.

    `contracts` are by name, `refused` are the names of those whose definition was refused.
    """
    raw = {str(one.raw_symbol) for one in contracts.values()}
    raw |= {key.raw for name in refused if (key := dated_key(name, date.min))}
    for file in files:
        for symbol in sorted(set(file.symbols) - raw):
            if DATED.fullmatch(symbol):
                raise DataError(
                    f"{file.path} has {symbol}, of which there is no definition.",
                    where=place,
                    hint="Add Databento's 'definition' file of the same symbols and days.",
                )


def _write_raw(path: Path, kind: RecordKind, load: Load, file: DbnFile, place: str) -> None:
    """Write a file's records into catalogs under `path`, one per slice, by their raw names."""
    path.mkdir()
    for number, part in enumerate(slices(file.path, path)):
        folder = path / str(number)
        folder.mkdir()
        catalog = ParquetDataCatalog(str(folder), compression=UNCOMPRESSED)
        writers: dict[RecordKind, Callable[[list[Any]], str]] = {
            RecordKind.QUOTES: catalog.write_quote_ticks,
            RecordKind.TRADES: catalog.write_trade_ticks,
        }
        with decoding(file, place):
            for listed in _group_by_contract(load(part)):
                writers[kind](listed)


def _group_by_contract(records: list[Any]) -> Iterable[list[Any]]:
    series = defaultdict(list)
    for record in records:
        series[record.instrument_id].append(record)
    return series.values()


def _dated_slices(
    path: Path,
    kind: RecordKind,
    contracts: dict[str, list[FuturesContract]],
    source: DbnFile,
    place: str,
) -> Iterable[tuple[tuple[RecordKind, str], SeriesSlice]]:
    """Yield the dated series and the slice of a file that belongs to it."""
    for file in sorted(path.glob("*/data/*/*/*.parquet")):
        raw, since = file.parent.name.rpartition(".")[0], 0
        for one in contracts.get(raw, ()):
            until = one.expiration_ns + AFTER_EXPIRY
            yield (kind, str(one.id)), (file, since, until)
            since = until
        if since and (late := row_groups.span(row_groups.groups(file), since, FAR)):
            raise DataError(
                f"{source.path} has {raw} at {written(late.first)}, when every {raw} that is "
                "defined had expired.",
                where=place,
                hint="Add Databento's 'definition' file of the same symbols and days.",
            )
