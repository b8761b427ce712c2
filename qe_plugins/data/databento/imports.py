"""A user's own Databento files, checked and shelved beside the bought ones."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from qe_plugins import home
from qe_plugins.data.databento.bars import Header, header
from qe_plugins.data.databento.book import Book, locked
from qe_plugins.data.databento.disk import writing
from qe_plugins.data.databento.incoming import Incoming, files_in, incoming, names_of
from qe_plugins.data.databento.manifest import Entry
from qe_plugins.data.databento.shelf import Built, prepared
from qe_plugins.data.dbn_file import digest
from qe_plugins.errors import DataError


class Taken(msgspec.Struct, frozen=True):
    """An imported file: where it came from, its path in the dataset, whether it was new."""

    file: str
    path: str
    new: bool


class Imported(msgspec.Struct, frozen=True):
    """What an import brought, and the catalogs that it made anew."""

    files: list[Taken]
    catalogs: list[Built]


class _Meant(NamedTuple):
    group: tuple[str, str]
    start: date
    end: date
    names: frozenset[str]


def import_path(place: Path) -> Imported:
    """Take over the files at a path and make the catalogs of their datasets anew: all or nothing.

    Every file is read whole, record by record, and the catalogs are made before the first is taken
    over. A plain `.dbn` is compressed on the way. Raises DataError for a file that is cut short, is
    no DBN, is of another dataset than CME's, holds a record that cannot be, or has days that
    another imported file has.
    """
    with writing(home.data_dir(), str(place)):
        home.data_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.data_dir(), prefix=".import.") as workshop:
            found = enumerate(files_in(place))
            ready = [incoming(number, path, Path(workshop)) for number, path in found]
            taken: list[Taken] = []
            catalogs: list[Built] = []
            for dataset in sorted({one.about.dataset for one in ready}):
                with locked(dataset) as book:
                    mine = [one for one in ready if one.about.dataset == dataset]
                    some, built = _take(mine, book)
                    taken += some
                    catalogs += [built] if built else []
    return Imported(taken, catalogs)


def _take(ready: list[Incoming], book: Book) -> tuple[list[Taken], Built | None]:
    known = {entry.sha256: entry for entry in book.now.files.values()}
    fresh = {one.whole.sha256: one for one in ready if one.whole.sha256 not in known}
    theirs = {
        path: _meant(entry, header(book.path(path)))
        for path, entry in book.now.files.items()
        if entry.source == "import" and book.path(path).is_file()
    }
    for one in fresh.values():
        _refuse_same_days(one, theirs)
        _refuse_same_name(one, book)
        theirs[str(one.source)] = _meant(one.entry, one.about)
    parts = {one.entry.path: one.part for one in fresh.values()}
    if len(parts) < len(fresh):
        raise DataError("two files have the same name.", where=str(ready[0].source.parent))
    entries = [*book.now.files.values(), *(one.entry for one in fresh.values())]
    with prepared(book, entries, lambda name: parts.get(name) or book.path(name)) as made:
        for one in fresh.values():
            target = book.path(one.entry.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(one.part, target)
        book.enter(*(one.entry for one in fresh.values()))
        if made is not None:
            made.put()
    taken = [
        Taken(str(one.source), known.get(sha, one.entry).path, sha in fresh)
        for one in ready
        for sha in [one.whole.sha256]
    ]
    return taken, made.built if made else None


def _refuse_same_name(one: Incoming, book: Book) -> None:
    """Raise DataError where another file has its place; one that a killed run left does not."""
    target = book.path(one.entry.path)
    known = one.entry.path in book.now.files
    if known or (target.exists() and digest(target) != one.whole.sha256):
        raise DataError(
            f"another file is called '{one.entry.path}' here.",
            where=str(one.source),
            hint="Give this one another name.",
        )


def _refuse_same_days(one: Incoming, theirs: dict[str, _Meant]) -> None:
    mine = _meant(one.entry, one.about)
    for other, meant in theirs.items():
        both = mine.names & meant.names
        days = mine.start < meant.end and meant.start < mine.end
        if both and days and mine.group == meant.group:
            raise DataError(
                f"has days of {', '.join(sorted(both)[:3])} that '{other}' has too.",
                where=str(one.source),
                hint="Import each day once.",
            )


def _meant(entry: Entry, about: Header) -> _Meant:
    return _Meant((entry.source, entry.schema), entry.start, entry.end, names_of(about))
