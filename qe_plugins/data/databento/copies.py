"""The files to verify: those that a manifest names, and those that lie in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.manifest import Entry
from qe_plugins.errors import DataError


class Copy(msgspec.Struct, frozen=True):
    """A file to verify. `entry` is what the manifest says of it, None where it has no manifest."""

    path: Path
    name: str
    entry: Entry | None = None


def copies(books: Iterable[Book]) -> list[Copy]:
    """Return every file of these datasets, those too that no manifest knows."""
    found: dict[Path, Copy] = {}
    for book in books:
        for path in sorted(book.folder.rglob("*.dbn.zst")):
            found[path] = Copy(path, path.relative_to(book.folder).as_posix())
        for name, entry in book.now.files.items():
            found[book.path(name)] = Copy(book.path(name), name, entry)
    return list(found.values())


def copies_in(place: Path) -> list[Copy]:
    """Return the files of a folder, or the one file. Raises DataError where there is none."""
    paths = [place] if place.is_file() else sorted(place.rglob("*.dbn.zst"))
    if not paths:
        raise DataError("there are no .dbn.zst files.", where=str(place), hint="Check the path.")
    return [Copy(path, path.name) for path in paths]
