"""A user's own Databento files, checked and shelved beside the bought ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import zstandard

from qe_plugins.data.databento.bars import Header, header
from qe_plugins.data.databento.manifest import Book, Entry, now
from qe_plugins.data.databento.shop import locked
from qe_plugins.data.databento.whole import Whole, read_whole
from qe_plugins.data.symbology import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED

MAGIC = b"DBN"
SUFFIXES = (".dbn.zst", ".dbn")
MIXED = "mixed"
DAY_NS = 86_400_000_000_000


def files_in(place: Path) -> list[Path]:
    """Return the Databento files at a path. Raises DataError where there is none."""
    if not place.exists():
        raise DataError("there is no such file or folder.", where=str(place))
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    files = [path for path in found if path.is_file() and path.name.endswith(SUFFIXES)]
    if not files:
        raise DataError("there are no .dbn or .dbn.zst files.", where=str(place))
    return files


def import_file(path: Path, workshop: Path) -> tuple[Book, Entry, bool]:
    """Copy a file into its dataset's folder, a plain `.dbn` compressed on the way.

    Return the dataset's manifest, what was written down, and whether it was new. Raises DataError
    for a file that is cut short, is no DBN, or has days that another imported file has.
    """
    part = workshop / f"{path.name.removesuffix('.zst')}.zst"
    try:
        _copy(path, part)
        whole = read_whole(part, str(path))
        about = header(part)
        with locked(about.dataset) as book:
            known = next((e for e in book.now.files.values() if e.sha256 == whole.sha256), None)
            entry = known or _entry(part.name, whole, about)
            if known is None:
                _refuse_same_days(book, entry, about, str(path))
                _shelve(part, book, entry)
            return book, entry, known is None
    finally:
        part.unlink(missing_ok=True)


def _copy(path: Path, part: Path) -> None:
    """Copy a file, compressing it where it is not."""
    with path.open("rb") as source, part.open("wb") as into:
        plain = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        if plain:
            zstandard.ZstdCompressor(write_checksum=True).copy_stream(source, into)
        else:
            shutil.copyfileobj(source, into, 1 << 20)


def _shelve(part: Path, book: Book, entry: Entry) -> None:
    target = book.path(entry.path)
    if target.exists():
        raise DataError(
            "another file of this name was imported before.",
            where=str(target),
            hint="Give the new one another name.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.part")
    shutil.move(part, beside)
    os.replace(beside, target)
    book.enter(entry)


def _refuse_same_days(book: Book, entry: Entry, about: Header, where: str) -> None:
    mine = _names(about)
    for other in book.now.files.values():
        if other.source != "import" or other.schema != entry.schema:
            continue
        days = other.start < entry.end and entry.start < other.end
        if days and (both := mine & _names(header(book.path(other.path)))):
            raise DataError(
                f"has days of {', '.join(sorted(both)[:3])} that '{other.path}' has too.",
                where=where,
                hint="Import each day once.",
            )


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
