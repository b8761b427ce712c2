"""Databento files into a Parquet catalog, under ids whose year has two digits.

Nautilus' loader decodes and Nautilus' catalog writes, both under the raw names of the feed. These
come back every ten years, so each record then goes to the contract of its name that had not yet
expired: column by column, since a Python object a record would be slow.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data import counting
from qe_plugins.data.catalog import Kind
from qe_plugins.data.columns import write_tables
from qe_plugins.data.dated import futures
from qe_plugins.data.dbn_file import DbnFile, decoding
from qe_plugins.data.joining import Piece, in_order, once
from qe_plugins.data.slices import slices
from qe_plugins.data.wanted import FAR, written
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED

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


def decode(files: Sequence[DbnFile], schemas: dict[Kind, str], folder: Path, place: str) -> None:
    """Write contracts, and records of these schemas, into a new catalog in `folder`."""
    loader = DatabentoDataLoader(PUBLISHERS)
    contracts = futures(loader, files, place)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as raw:
        pieces: dict[tuple[Kind, str], list[Piece]] = defaultdict(list)
        for number, file in enumerate(files):
            _know_all(loader, file, contracts, place)
            for kind in (kind for kind, schema in schemas.items() if schema == file.schema):
                load = getattr(loader, LOADS[kind][file.schema])
                path = Path(raw, f"{number}-{kind.value}")
                _write_raw(path, kind, load, file, place)
                for key, piece in _pieces(path, kind, contracts, file, place):
                    pieces[key].append(piece)
        for (kind, name), parts in pieces.items():
            write_tables(folder, kind, name, once(in_order(parts), kind, name, place))
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([one for listed in contracts.values() for one in listed])


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
        with decoding(file, place):
            for listed in _by_series(load(part), kind):
                writers[kind](listed)


def _by_series(records: list[Any], kind: Kind) -> Iterable[list[Any]]:
    name = attrgetter("bar_type" if kind is Kind.BARS else "instrument_id")
    series = defaultdict(list)
    for record in records:
        series[name(record)].append(record)
    return series.values()


def _pieces(
    path: Path,
    kind: Kind,
    contracts: dict[str, list[FuturesContract]],
    source: DbnFile,
    place: str,
) -> Iterable[tuple[tuple[Kind, str], Piece]]:
    """Yield the dated series that each raw series of a file belongs to."""
    for file in sorted(path.glob("*/data/*/*/*.parquet")):
        raw_id, *rest = file.parent.name.split("-", 1)
        raw, since = raw_id.rpartition(".")[0], 0
        for one in contracts.get(raw, ()):
            until = one.expiration_ns + AFTER_EXPIRY
            yield (kind, "-".join([str(one.id), *rest])), (file, since, until)
            since = until
        if since and (late := counting.span(counting.groups(file), since, FAR)):
            raise DataError(
                f"{source.path} has {raw} at {written(late.first)}, when every {raw} that is "
                "defined had expired.",
                where=place,
                hint="Add Databento's 'definition' file of the same symbols and days.",
            )
