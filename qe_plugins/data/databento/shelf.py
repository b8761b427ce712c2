"""The Parquet catalog beside the bought files: contracts and bars, made again from them at will.

It carries what it was made from, and is checked against the manifest and the files before use.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from qe_plugins.data import settlements, statistics
from qe_plugins.data.bar_series import BAR_SCHEMAS, BarFile, write_bars
from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.manifest import Entry
from qe_plugins.data.databento.stamp import FOLDER, sources, swap, write_stamp
from qe_plugins.data.dated import listed, write_instruments

MIXED = "mixed"  # the folder of files that have several roots


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
    is whole, and is not believed where it is not made of the files that there are.
    """
    used = sources(book.now.files.values())
    if not used:
        return None
    for leftover in book.folder.glob(f".{FOLDER}.*"):  # of a run that was killed
        shutil.rmtree(leftover)
    workshop = book.folder / f".{FOLDER}.new"
    workshop.mkdir()
    try:
        built = _build(book, used, workshop, tick)
        write_stamp(workshop, used)
        swap(workshop, book.folder / FOLDER)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return built


def _build(book: Book, used: Sequence[Entry], folder: Path, tick: Callable[[str], None]) -> Built:
    by_schema: dict[str, list[Path]] = {}
    for entry in used:
        by_schema.setdefault(entry.schema, []).append(book.path(entry.path))
    found = listed(by_schema["definition"], book.now.dataset)
    write_instruments(found, folder)
    written = write_bars(_bar_files(book, used), found.contracts, folder, twice=True, tick=tick)
    settled = settlements.keep(by_schema.get(statistics.SCHEMA, []), folder)
    refused = list(map(str, found.refused))
    undefined = sorted(set(written.left) - {one.name for one in found.refused})
    return Built(
        str(book.folder / FOLDER), len(found.contracts), written.bars, settled, refused, undefined
    )


def _bar_files(book: Book, entries: Iterable[Entry]) -> list[BarFile]:
    """Return the files of bars in groups that share no contract, small ones where that is known."""
    bars = [entry for entry in entries if entry.schema in BAR_SCHEMAS]
    whole = {_root(entry) for entry in bars if entry.path.split("/")[1] != "contracts"}

    def group(entry: Entry) -> str:
        if MIXED in whole:
            return ""
        return _root(entry) if _root(entry) in whole else entry.path.partition(".")[0]

    return [BarFile(book.path(one.path), one.schema, one.rows, group(one)) for one in bars]


def _root(entry: Entry) -> str:
    return entry.path.split("/")[0]
