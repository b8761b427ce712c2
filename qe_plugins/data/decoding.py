"""Databento files into a Parquet catalog, under ids whose year has two digits.

Nautilus' loader decodes and Nautilus' catalog writes, both under the raw names of the feed. These
come back every ten years, so each record then goes to the contract of its name that had not yet
expired: column by column, since a Python object a record would be slow.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.model import FuturesContract, InstrumentId
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data import counting
from qe_plugins.data.catalog import Kind
from qe_plugins.data.columns import write_tables
from qe_plugins.data.dbn_file import DbnFile
from qe_plugins.data.slices import slices
from qe_plugins.data.wanted import written
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED, dated_key

PUBLISHERS = Path(__file__).with_name("publishers.json")
BAR_SCHEMAS = {
    "ohlcv-1s": "1-SECOND-LAST",
    "ohlcv-1m": "1-MINUTE-LAST",
    "ohlcv-1h": "1-HOUR-LAST",
    "ohlcv-1d": "1-DAY-LAST",
}
LOADS = {  # the loader's method for a schema; of several schemas of one kind the first is used
    Kind.BARS: dict.fromkeys(BAR_SCHEMAS, "load_bars"),
    Kind.QUOTES: {
        "mbp-1": "load_quotes",
        "bbo-1s": "load_bbo_quotes",
        "bbo-1m": "load_bbo_quotes",
        "tbbo": "load_quotes",
    },
    Kind.TRADES: {"trades": "load_trades", "tbbo": "load_tbbo_trades"},
}
UNCOMPRESSED = 0  # of raw catalogs, which are read once
AFTER_EXPIRY = 2 * 86_400 * 1_000_000_000  # a name's next contract is listed years later
UNKNOWN_PRECISION = 9  # of spreads and options, which are left out

type Load = Callable[[Path], list[Any]]
type Piece = tuple[Path, int, int]  # a raw file, and the times, end exclusive, that are meant


def decode(files: Sequence[DbnFile], schemas: dict[Kind, str], folder: Path, place: str) -> None:
    """Write contracts, and records of these schemas, into a new catalog in `folder`."""
    loader = DatabentoDataLoader(PUBLISHERS)
    contracts = _contracts(loader, files, place)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as raw:
        pieces: dict[tuple[Kind, str], list[Piece]] = defaultdict(list)
        for number, file in enumerate(files):
            _know_all(loader, file, contracts, place)
            for kind in (kind for kind, schema in schemas.items() if schema == file.schema):
                load = getattr(loader, LOADS[kind][file.schema])
                path = Path(raw, f"{number}-{kind.value}")
                _write_raw(path, kind, load, file, place)
                for key, piece in _pieces(path, kind, contracts):
                    pieces[key].append(piece)
        for (kind, name), parts in pieces.items():
            write_tables(folder, kind, name, _checked(_in_order(parts), kind, name, place))
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([one for listed in contracts.values() for one in listed])


def _contracts(
    loader: DatabentoDataLoader, files: Sequence[DbnFile], place: str
) -> dict[str, list[FuturesContract]]:
    """Return the futures by raw name, each list by expiry; definitions repeat daily."""
    latest: dict[str, FuturesContract] = {}
    for file in files:
        if file.schema == "definition":
            with _decoding(file, place):
                every = loader.load_instruments(file.path, True, True)
            for one in every:
                if isinstance(one, FuturesContract):
                    latest[str(_dated_id(one))] = one
    if not latest:
        raise DataError(
            "the definitions hold no futures contracts.",
            where=place,
            hint="Add Databento's 'definition' file of the same symbols and days.",
        )
    listed: dict[str, list[FuturesContract]] = defaultdict(list)
    for one in sorted(latest.values(), key=lambda one: one.expiration_ns):
        listed[str(one.raw_symbol)].append(_renamed(one))
    return listed


def _dated_id(contract: FuturesContract) -> InstrumentId:
    """Return the id with two year digits, by the delivery that lies nearest to the expiry."""
    expiry = datetime.fromtimestamp(contract.expiration_ns // 1_000_000_000, UTC)
    key = dated_key(str(contract.raw_symbol), date(expiry.year - 4, 1, 1))
    name = key.name if key else str(contract.raw_symbol)
    return InstrumentId.from_str(f"{name}.{contract.venue}")


def _renamed(one: FuturesContract) -> FuturesContract:
    return FuturesContract(
        instrument_id=_dated_id(one),
        raw_symbol=one.raw_symbol,
        asset_class=one.asset_class,
        underlying=one.underlying,
        activation_ns=one.activation_ns,
        expiration_ns=one.expiration_ns,
        currency=one.currency,
        price_precision=one.price_precision,
        price_increment=one.price_increment,
        multiplier=one.multiplier,
        lot_size=one.lot_size,
        ts_event=one.ts_event,
        ts_init=one.ts_init,
        max_quantity=one.max_quantity,
        min_quantity=one.min_quantity,
        max_price=one.max_price,
        min_price=one.min_price,
        margin_init=one.margin_init,
        margin_maint=one.margin_maint,
        exchange=one.exchange,
        tick_scheme=one.tick_scheme,
        info=one.info,
    )


def _know_all(
    loader: DatabentoDataLoader,
    file: DbnFile,
    contracts: dict[str, list[FuturesContract]],
    place: str,
) -> None:
    """Refuse futures without a definition, and let what is left out decode at any precision."""
    for symbol in sorted(set(file.symbols) - set(contracts)):
        if DATED.fullmatch(symbol) and file.schema != "definition":
            raise DataError(
                f"{file.path} has {symbol}, of which there is no definition.",
                where=place,
                hint="Add Databento's 'definition' file of the same symbols and days.",
            )
        loader.set_price_precision(symbol, UNKNOWN_PRECISION)


@contextmanager
def _decoding(file: DbnFile, place: str) -> Iterator[None]:
    """Turn what loader and catalog raise for damaged records into DataError."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise DataError(
            f"{file.path} cannot be decoded: {error}.", where=place, hint="Download the file again."
        ) from error


def _write_raw(path: Path, kind: Kind, load: Load, file: DbnFile, place: str) -> None:
    """Write a file's records into catalogs under `path`, one a slice, by their raw names."""
    path.mkdir()
    for number, part in enumerate(slices(file.path, path)):
        folder = path / str(number)
        folder.mkdir()
        catalog = ParquetDataCatalog(str(folder), compression=UNCOMPRESSED)
        writers: dict[Kind, Callable[[list[Any]], str]] = {
            Kind.BARS: catalog.write_bars,
            Kind.QUOTES: catalog.write_quote_ticks,
            Kind.TRADES: catalog.write_trade_ticks,
        }
        with _decoding(file, place):
            for listed in _by_series(load(part), kind):
                writers[kind](listed)


def _by_series(records: list[Any], kind: Kind) -> Iterable[list[Any]]:
    name = attrgetter("bar_type" if kind is Kind.BARS else "instrument_id")
    series = defaultdict(list)
    for record in records:
        series[name(record)].append(record)
    return series.values()


def _pieces(
    path: Path, kind: Kind, contracts: dict[str, list[FuturesContract]]
) -> Iterable[tuple[tuple[Kind, str], Piece]]:
    """Yield the dated series that each raw series of a file belongs to."""
    for file in sorted(path.glob("*/data/*/*/*.parquet")):
        raw_id, *rest = file.parent.name.split("-", 1)
        since = 0
        for one in contracts.get(raw_id.rpartition(".")[0], ()):
            until = one.expiration_ns + AFTER_EXPIRY
            yield (kind, "-".join([str(one.id), *rest])), (file, since, until)
            since = until


def _checked(tables: Iterable[pa.Table], kind: Kind, name: str, place: str) -> Iterator[pa.Table]:
    """Pass tables on, and refuse two bars of one minute."""
    last = -1
    for table in tables:
        stamps = counting.times(table)
        again = stamps[np.diff(stamps, prepend=last) == 0]
        if kind is Kind.BARS and again.size:
            raise DataError(
                f"{name} has two bars at {written(int(again[0]))}: its days are in more than one "
                "file.",
                where=place,
                hint="Name the files to use, each day once.",
            )
        last = int(stamps[-1])
        yield table


def _in_order(parts: Sequence[Piece]) -> Iterator[pa.Table]:
    """Yield a series' records by time: part after part, or in one where parts overlap."""
    spans = [
        (span, part)
        for part in parts
        if (span := counting.span(counting.groups(part[0]), part[1], part[2]))
    ]
    spans.sort(key=lambda one: (one[0].first, one[0].last))
    tables = (_table(*part) for _, part in spans)
    if all(one.last <= following.first for (one, _), (following, _) in pairwise(spans)):
        yield from tables
    else:
        yield pa.concat_tables(list(tables)).sort_by(counting.STAMP)


def _table(file: Path, since: int, until: int) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        table = parquet.read().replace_schema_metadata(parquet.schema_arrow.metadata)
    first, last = np.searchsorted(counting.times(table), (since, until))
    return table.slice(first, last - first)
