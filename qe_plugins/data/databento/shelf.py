"""The Parquet catalog beside the bought files: contracts and bars, made again from them at will.

Nautilus' own loader makes an object of every bar. Here bars stay columns all the way, which takes
a fraction of the time and of the memory; what is written is the same (a test compares them).
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data import settlements, statistics
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
from qe_plugins.data.definitions import read_definitions
from qe_plugins.data.symbology import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.contracts import Refusal

FOLDER = "catalog"
NANO = 9  # decimals of a DBN price
SECOND_NS = 1_000_000_000


class Built(msgspec.Struct, frozen=True):
    """A catalog that was made. `settlements` counts the contracts whose last price is known.

    `refused` says, with both figures, which definitions are not those of `configs/markets.yaml`;
    `undefined` names the futures whose bars have no definition. Neither is in the catalog.
    """

    folder: str
    contracts: int
    bars: int
    settlements: int
    refused: list[str]
    undefined: list[str]


def rebuild(book: Book, tick: Callable[[str], None] = lambda _: None) -> Built | None:
    """Make the catalog of a dataset anew from its bars and definitions; None without either.

    `tick` hears the name of every series that is written. The old catalog stays until the new one
    is whole.
    """
    used = [entry for entry in book.now.files.values() if entry.stype_in != "continuous"]
    definitions = [entry for entry in used if entry.schema == "definition"]
    bars = [entry for entry in used if entry.schema in BAR_SCHEMAS]
    if not definitions or not bars:
        return None
    folder = book.folder / FOLDER
    for leftover in book.folder.glob(f".{FOLDER}.*"):  # of a run that was killed
        shutil.rmtree(leftover)
    workshop = book.folder / f".{FOLDER}.new"
    workshop.mkdir()
    try:
        contracts, refused = _write_contracts(book, definitions, workshop)
        written, left = _write_bars(book, bars, contracts, workshop, tick)
        said = [book.path(entry.path) for entry in used if entry.schema == statistics.SCHEMA]
        settled = settlements.keep(said, workshop)
        _swap(workshop, folder)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    undefined = sorted(left - {one.name for one in refused})
    refusals = list(map(str, refused))
    return Built(str(folder), len(contracts), written, settled, refusals, undefined)


def _group(entry: Entry) -> str:
    return entry.path.split("/")[1]


def _root(entry: Entry) -> str:
    return entry.path.split("/")[0]


def _write_contracts(
    book: Book, entries: Sequence[Entry], folder: Path
) -> tuple[dict[str, FuturesContract], list[Refusal]]:
    """Write the contracts that the files define; return them by name, and those refused."""
    paths = [book.path(entry.path) for entry in entries]
    decode([read_header(path, str(path)) for path in paths], {}, folder, book.now.dataset)
    refused = read_definitions(paths).refused
    wrong = {refusal.name for refusal in refused}
    contracts: dict[str, FuturesContract] = {}
    for one in ParquetDataCatalog(str(folder)).instruments():
        name = str(one.id).partition(".")[0]
        if name in wrong:
            shutil.rmtree(folder / "data" / "futures_contract" / str(one.id))
        elif isinstance(one, FuturesContract):
            contracts[name] = one
    return contracts, refused


def _write_bars(
    book: Book,
    entries: Sequence[Entry],
    contracts: dict[str, FuturesContract],
    folder: Path,
    tick: Callable[[str], None],
) -> tuple[int, set[str]]:
    """Write every series; return how many bars they have, and the futures left out."""
    written = 0
    left: set[str] = set()
    for some in _together(entries):
        parts: dict[str, list[Records]] = defaultdict(list)
        for entry in some:
            path = book.path(entry.path)
            for name, records in by_contract(read_records(path, entry.rows), header(path).names):
                if name in contracts:
                    parts[name].append(records)
                elif is_outright(name):
                    left.add(name)
        for name in sorted(parts):
            tick(name)
            written += _write_one(contracts[name], some[0].schema, parts.pop(name), folder)
    return written, left


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
    if (again := np.append(False, np.diff(closes) == 0)).any():
        _refuse_contradictions(records, again, name)
        records, closes = records[~again], closes[~again]
    table = bar_table(
        [records[price] for price in PRICES],
        records["volume"].astype(np.int64),
        closes,
        scale=NANO,
        precision=contract.price_precision,
    )
    write_series(folder, Kind.BARS, name, table)
    return len(records)


def _refuse_contradictions(records: Records, again: np.ndarray, name: str) -> None:
    """Raise DataError where a bar that comes again, from another file, is not the same."""
    later, before = records[again], records[:-1][again[1:]]
    other = np.any([later[field] != before[field] for field in (*PRICES, "volume")], axis=0)
    if other.any():
        at = np.datetime64(int(later["ts_event"][other][0]), "ns").astype("datetime64[s]")
        raise DataError(
            f"two files have different bars of {at}Z.",
            where=name,
            hint="'qe data verify' tells which days are in more than one file.",
        )


def _swap(workshop: Path, folder: Path) -> None:
    old = workshop.with_name(f".{FOLDER}.old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(workshop, folder)
    shutil.rmtree(old, ignore_errors=True)
