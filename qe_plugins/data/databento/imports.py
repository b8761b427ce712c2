"""A user's own Databento files, checked and shelved beside the bought ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from qe_plugins import home
from qe_plugins.data.databento.bars import Header, header
from qe_plugins.data.databento.book import Book
from qe_plugins.data.databento.manifest import Entry, now
from qe_plugins.data.databento.shelf import Built, rebuild
from qe_plugins.data.databento.shop import locked
from qe_plugins.data.databento.whole import Whole, read_whole
from qe_plugins.data.symbology import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED

MAGIC = b"DBN"
SUFFIXES = (".dbn.zst", ".dbn")
MIXED = "mixed"
DAY_NS = 86_400_000_000_000


class Taken(msgspec.Struct, frozen=True):
    """An imported file: where it came from, its path in the dataset, whether it was new."""

    file: str
    path: str
    new: bool


class Imported(msgspec.Struct, frozen=True):
    """What an import brought, and the catalogs that it made anew."""

    files: list[Taken]
    catalogs: list[Built]


class _Ready(NamedTuple):
    source: Path
    part: Path
    whole: Whole
    about: Header
    entry: Entry


class _Meant(NamedTuple):
    group: tuple[str, str]
    start: date
    end: date
    names: frozenset[str]


def _files_in(place: Path) -> list[Path]:
    """Return the Databento files at a path. Raises DataError where there is none."""
    if not place.exists():
        raise DataError("there is no such file or folder.", where=str(place))
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    files = [path for path in found if path.is_file() and path.name.endswith(SUFFIXES)]
    if not files:
        raise DataError("there are no .dbn or .dbn.zst files.", where=str(place))
    return files


def import_path(place: Path) -> Imported:
    """Take over the files at a path and make the catalogs of their datasets anew.

    Every file is read whole before the first is taken over. A plain `.dbn` is compressed on the
    way. Raises DataError for a file that is cut short, is no DBN, or has days that another
    imported file has.
    """
    home.data_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.data_dir(), prefix=".import.") as workshop:
        ready = [_ready(n, path, Path(workshop)) for n, path in enumerate(_files_in(place))]
        taken: list[Taken] = []
        catalogs: list[Built] = []
        for dataset in sorted({one.about.dataset for one in ready}):
            with locked(dataset) as book:
                taken += _shelve_all([one for one in ready if one.about.dataset == dataset], book)
                catalogs += [built] if (built := rebuild(book)) else []
    return Imported(taken, catalogs)


def _shelve_all(ready: list[_Ready], book: Book) -> list[Taken]:
    known = {entry.sha256: entry for entry in book.now.files.values()}
    fresh = {one.whole.sha256: one for one in ready if one.whole.sha256 not in known}
    theirs = {path: _meant(e, header(book.path(path))) for path, e in book.now.files.items()}
    for one in fresh.values():
        _refuse_same_days(one, theirs)
        theirs[str(one.source)] = _meant(one.entry, one.about)
    for one in fresh.values():
        _shelve(one, book)
    return [
        Taken(str(one.source), known.get(sha, one.entry).path, sha in fresh)
        for one in ready
        for sha in [one.whole.sha256]
    ]


def _ready(number: int, path: Path, workshop: Path) -> _Ready:
    """Copy a file into the workshop, where its like-named siblings are not in the way."""
    part = workshop / str(number) / f"{path.name.removesuffix('.zst')}.zst"
    part.parent.mkdir()
    _copy(path, part)
    whole, about = read_whole(part, str(path)), header(part)
    return _Ready(path, part, whole, about, _entry(part.name, whole, about))


def _copy(path: Path, part: Path) -> None:
    """Copy a file, compressing it where it is not."""
    with path.open("rb") as source, part.open("wb") as into:
        plain = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        if plain:
            zstandard.ZstdCompressor(write_checksum=True).copy_stream(source, into)
        else:
            shutil.copyfileobj(source, into, 1 << 20)


def _shelve(one: _Ready, book: Book) -> None:
    target = book.path(one.entry.path)
    if target.exists():
        raise DataError(
            f"another file is called '{one.entry.path}' here.",
            where=str(one.source),
            hint="Give this one another name.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(one.part, target)
    book.enter(one.entry)


def _refuse_same_days(one: _Ready, theirs: dict[str, _Meant]) -> None:
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
    names = frozenset(_names(about))
    return _Meant((entry.source, entry.schema), entry.start, entry.end, names)


def _entry(name: str, whole: Whole, about: Header) -> Entry:
    return Entry(
        path=f"{_root(about)}/imported/{name}",
        schema=about.schema,
        symbol=",".join(about.symbols),
        stype_in=about.stype_in,
        start=_day(about.start),
        end=_day(about.end + DAY_NS - 1) if about.end is not None else date.max,
        rows=whole.rows,
        size=whole.size,
        sha256=whole.sha256,
        got=now(),
        source="import",
    )


def _names(about: Header) -> set[str]:
    return {one.name for meanings in about.names.values() for one in meanings}


def _root(about: Header) -> str:
    """Return the root that all of a file's names share, or `mixed`."""
    roots = set(_roots([*_names(about), *about.symbols]))
    return roots.pop() if len(roots) == 1 else MIXED


def _roots(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        near = name.split("-")[0].split(" ")[0]
        if is_outright(near) and (found := DATED.fullmatch(near)):
            yield found["root"]
        elif "." in near:
            yield near.partition(".")[0]


def _day(nanoseconds: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=nanoseconds // DAY_NS)).date()
