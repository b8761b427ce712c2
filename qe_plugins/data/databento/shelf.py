"""The Parquet catalog beside the bought files: contracts and bars, made again from them at will.

Nautilus' own loader makes an object of every bar. Here bars stay columns all the way, which takes
a fraction of the time and of the memory; what is written is the same (a test compares them).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.catalog import Kind
from qe_plugins.data.columns import bar_table, write_series
from qe_plugins.data.databento.bars import (
    PRICES,
    SECONDS,
    Records,
    by_contract,
    header,
    read_records,
)
from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.manifest import Entry
from qe_plugins.data.dbn_file import read_header
from qe_plugins.data.decoding import BAR_SCHEMAS, decode
from qe_plugins.errors import DataError

FOLDER = "catalog"
GROUPS = ("contracts", "parent", "imported")  # where two have the same days, the first is taken
NANO = 9  # decimals of a DBN price
SECOND_NS = 1_000_000_000


class Built(msgspec.Struct, frozen=True):
    """A catalog that was made. `left_out` are files whose days another file has too."""

    folder: str
    contracts: int
    bars: int
    left_out: list[str]


def rebuild(book: Book, tick: Callable[[str], None] = lambda _: None) -> Built | None:
    """Make the catalog of a dataset anew from its bars and definitions; None without either.

    `tick` hears the name of every series that is written. The old catalog stays until the new one
    is whole.
    """
    used, left_out = _chosen(book.now.files.values())
    definitions = [entry for entry in used if entry.schema == "definition"]
    bars = [entry for entry in used if entry.schema in BAR_SCHEMAS]
    if not definitions or not bars:
        return None
    folder = book.folder / FOLDER
    workshop = Path(tempfile.mkdtemp(prefix=f".{FOLDER}.", dir=book.folder))
    try:
        contracts = _write_contracts(book, definitions, workshop)
        written = _write_bars(book, bars, contracts, workshop, tick)
        _swap(workshop, folder)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return Built(str(folder), len(contracts), written, left_out)


def _chosen(entries: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the files to use, each day of a root's schema once, and the paths of the others."""
    used: list[Entry] = []
    left_out: list[str] = []
    for entry in sorted(entries, key=lambda one: (GROUPS.index(_group(one)), one.path)):
        better = (one for one in used if _group(one) != _group(entry))
        if any(_same_days(entry, one) for one in better):
            left_out.append(entry.path)
        elif entry.stype_in != "continuous":
            used.append(entry)
    return used, left_out


def _group(entry: Entry) -> str:
    return entry.path.split("/")[1]


def _root(entry: Entry) -> str:
    return entry.path.split("/")[0]


def _same_days(one: Entry, other: Entry) -> bool:
    same = one.schema == other.schema and _root(one) == _root(other)
    return same and one.start < other.end and other.start < one.end


def _write_contracts(
    book: Book, entries: Sequence[Entry], folder: Path
) -> dict[str, FuturesContract]:
    """Write the contracts that the files define, and return them by name, `ESZ13`."""
    files = [read_header(book.path(entry.path), entry.path) for entry in entries]
    decode(files, {}, folder, book.now.dataset)
    found = ParquetDataCatalog(str(folder)).instruments()
    futures = (one for one in found if isinstance(one, FuturesContract))
    return {str(one.id).partition(".")[0]: one for one in futures}


def _write_bars(
    book: Book,
    entries: Sequence[Entry],
    contracts: dict[str, FuturesContract],
    folder: Path,
    tick: Callable[[str], None],
) -> int:
    """Write every series and return how many bars they have."""
    written = 0
    for some in _together(entries):
        parts: dict[str, list[Records]] = defaultdict(list)
        for entry in some:
            path = book.path(entry.path)
            for name, records in by_contract(read_records(path, entry.rows), header(path).names):
                if name in contracts:
                    parts[name].append(records)
        for name in sorted(parts):
            tick(name)
            written += _write_one(contracts[name], some[0].schema, parts.pop(name), folder)
    return written


def _together(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the files in groups that share no contract, small ones where that is known."""
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    mixed = {_root(entry) for entry in entries if _group(entry) != "contracts"}
    for entry in entries:
        name = "" if _root(entry) in mixed else entry.path.partition(".")[0]
        groups[_root(entry), entry.schema, name].append(entry)
    return [groups[key] for key in sorted(groups)]


def _write_one(contract: FuturesContract, schema: str, parts: list[Records], folder: Path) -> int:
    records = np.concatenate(parts) if len(parts) > 1 else parts[0]
    parts.clear()
    closes = records["ts_event"].astype(np.int64) + SECONDS[schema] * SECOND_NS
    if (np.diff(closes) < 0).any():
        order = np.argsort(closes, kind="stable")
        records, closes = records[order], closes[order]
    name = f"{contract.id}-{BAR_SCHEMAS[schema]}-EXTERNAL"
    _refuse_doubles(closes, name)
    table = bar_table(
        [records[price] for price in PRICES],
        records["volume"].astype(np.int64),
        closes,
        scale=NANO,
        precision=contract.price_precision,
    )
    write_series(folder, Kind.BARS, name, table)
    return len(records)


def _refuse_doubles(closes: np.ndarray, name: str) -> None:
    twice = closes[1:][np.diff(closes) == 0]
    if len(twice):
        at = np.datetime64(int(twice[0]), "ns").astype("datetime64[s]")
        raise DataError(
            f"has two bars that end at {at}Z.",
            where=name,
            hint="Two files have the same days: 'qe data verify' names them.",
        )


def _swap(workshop: Path, folder: Path) -> None:
    old = workshop.with_name(f"{workshop.name}.old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(workshop, folder)
    shutil.rmtree(old, ignore_errors=True)
