"""A file from elsewhere: copied, compressed where it is not, read whole, described."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import zstandard

from qe_plugins.data.databento.bars import Header, header
from qe_plugins.data.databento.manifest import Entry, now
from qe_plugins.data.databento.series import check_bars
from qe_plugins.data.databento.shelf import MIXED
from qe_plugins.data.databento.whole import Whole, read_whole
from qe_plugins.data.dataset import refuse_others
from qe_plugins.data.records import check_records
from qe_plugins.data.symbology import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED

MAGIC = b"DBN"
ROOT = re.compile(r"[A-Z0-9]{1,8}")  # names a folder; a file's header may say anything
SUFFIXES = (".dbn.zst", ".dbn")
DAY_NS = 86_400_000_000_000


class Incoming(NamedTuple):
    """A file that is whole. `part` is our copy of it, `entry` is what would be written down."""

    source: Path
    part: Path
    whole: Whole
    about: Header
    entry: Entry


def files_in(place: Path) -> list[Path]:
    """Return the Databento files at a path. Raises DataError where there is none."""
    if not place.exists():
        raise DataError("there is no such file or folder.", where=str(place))
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    files = [path for path in found if path.is_file() and path.name.endswith(SUFFIXES)]
    if not files:
        raise DataError("there are no .dbn or .dbn.zst files.", where=str(place))
    return files


def incoming(number: int, path: Path, workshop: Path) -> Incoming:
    """Copy a file into the workshop and read it. Raises DataError where it is cut or no DBN.

    `number` keeps files of one name out of each other's way.
    """
    part = workshop / str(number) / f"{path.name.removesuffix('.zst')}.zst"
    part.parent.mkdir()
    _copy(path, part)
    try:
        whole, about = read_whole(part, str(path)), header(part)
        refuse_others(about.dataset, str(path))
        check_records(part, str(path), path.name)
        check_bars(part, about, whole.rows, str(path))
    except DataError as error:
        message = error.message.removeprefix(f"{part} ")
        raise DataError(message, where=str(path), hint=error.hint) from error
    return Incoming(path, part, whole, about, _entry(part.name, whole, about))


def names_of(about: Header) -> frozenset[str]:
    """Return the raw names in a file's header."""
    return frozenset(one.name for meanings in about.names.values() for one in meanings)


def _copy(path: Path, part: Path) -> None:
    """Copy a file, compressing it where it is not."""
    with path.open("rb") as source, part.open("wb") as into:
        plain = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        if plain:
            zstandard.ZstdCompressor(write_checksum=True).copy_stream(source, into)
        else:
            shutil.copyfileobj(source, into, 1 << 20)


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


def _root(about: Header) -> str:
    """Return the root that all of a file's names share, or `mixed`."""
    roots = set(_roots([*names_of(about), *about.symbols]))
    only = roots.pop() if len(roots) == 1 else MIXED
    return only if ROOT.fullmatch(only) else MIXED


def _roots(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        near = name.split("-")[0].split(" ")[0]
        if is_outright(near) and (found := DATED.fullmatch(near)):
            yield found["root"]
        elif "." in near:
            yield near.partition(".")[0]


def _day(nanoseconds: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=nanoseconds // DAY_NS)).date()
