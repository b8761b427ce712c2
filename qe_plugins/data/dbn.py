"""Databento files as a tape: found, chosen, decoded once into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from qe_plugins.config.schema import Data
from qe_plugins.data.cached import cached
from qe_plugins.data.catalog import Shelf, open_shelf
from qe_plugins.data.dbn_file import DbnFile, check_whole, digest, read_header
from qe_plugins.data.decoding import QUOTE_SCHEMAS, TRADE_SCHEMAS, decode
from qe_plugins.data.wanted import Where
from qe_plugins.errors import DataError

FORM = "1"  # of the decoded catalog; a change makes every cache anew
SUFFIX = ".dbn.zst"


def shelf(data: Data, where: Where) -> tuple[str, Shelf]:
    """Return the tape's name and its catalog, decoded on first use.

    The cache is keyed by the content of the files, so a changed file is decoded again. Raises
    DataError for what is missing, cut short, not DBN, or a spliced continuous series.
    """
    place = where("dbn")
    given = [Path(one).expanduser() for one in _listed(data.dbn)]
    files = _usable(given, data, place)
    folder = cached("dbn", _key(files, data), lambda new: _build(files, new, place))
    return ", ".join(one.resolve().name for one in given), open_shelf(folder, place)


def _build(files: Sequence[DbnFile], folder: Path, place: str) -> None:
    for file in files:
        check_whole(file.path, place)
    decode(files, folder, place)


def _key(files: Sequence[DbnFile], data: Data) -> str:
    parts = [FORM, str(data.quotes), str(data.trades)]
    parts += [f"{file.path.name} {digest(file.path)}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _listed(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _usable(given: Sequence[Path], data: Data, place: str) -> list[DbnFile]:
    """Return the files that the tape is made of: definitions, bars, and ticks where asked for."""
    named = [read_header(path, place) for path in given if path.is_file()]
    found = [read_header(p, place) for one in given if not one.is_file() for p in _in(one, place)]
    ticks = [file for file in (*named, *found) if file.schema != "definition"]
    spliced = [file for file in ticks if file.continuous]
    if spliced and (spliced == ticks or any(file.continuous for file in named)):
        raise _spliced(spliced[0], place)
    every = {file.path.resolve(): file for file in (*named, *found) if not file.continuous}
    used = [file for file in every.values() if _is_wanted(file, data)]
    if not any(file.schema == "definition" for file in used):
        raise _no_definitions(place)
    return sorted(used, key=lambda file: (file.path.name, str(file.path)))


def _in(folder: Path, place: str) -> list[Path]:
    if not folder.is_dir():
        raise DataError(
            f"there is no file or folder {folder}.", where=place, hint="Check the path."
        )
    if files := sorted(folder.rglob(f"*{SUFFIX}")):
        return files
    raise DataError(
        f"{folder} has no {SUFFIX} files.",
        where=place,
        hint="Give the folder that holds Databento's definitions and bars.",
    )


def _is_wanted(file: DbnFile, data: Data) -> bool:
    return (
        file.schema == "definition"
        or file.schema.startswith("ohlcv-")
        or (data.quotes and file.schema in QUOTE_SCHEMAS)
        or (data.trades and file.schema in TRADE_SCHEMAS)
    )


def _spliced(file: DbnFile, place: str) -> DataError:
    return DataError(
        f"{file.path} is a continuous series: contracts spliced into one, which cannot be traded.",
        where=place,
        hint="Give dated contracts: the parent (ES.FUT) or raw symbols (ESZ3).",
    )


def _no_definitions(place: str) -> DataError:
    return DataError(
        "the files have no definitions, which say what a contract is.",
        where=place,
        hint="Add Databento's 'definition' file of the same symbols and days.",
    )
