"""Import a user's own Databento files: checked, and stored beside the downloaded ones."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from qe_plugins import state_dir
from qe_plugins.data.databento.bar_report import check_bars
from qe_plugins.data.databento.catalog_builder import MIXED, CatalogSummary, prepared
from qe_plugins.data.databento.disk_space import writing
from qe_plugins.data.databento.manifest import FileEntry, ManifestStore, locked, now
from qe_plugins.data.dbn.files import CompleteFile, digest, read_whole
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.data.dbn.records import Header, full_header
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.data.symbology.symbols import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED

MAGIC = b"DBN"
ROOT = re.compile(r"[A-Z0-9]{1,8}")  # becomes a folder's name; a file's header is not trusted
SUFFIXES = (".dbn.zst", ".dbn")
DAY_NS = 86_400_000_000_000


class IncomingFile(NamedTuple):
    """A complete file: `part` is its copy in the staging folder, `entry` its manifest entry."""

    source: Path
    part: Path
    whole: CompleteFile
    header: Header
    entry: FileEntry


def files_in(place: Path) -> list[Path]:
    """Return the Databento files at a path. Raises DataError where there is none."""
    if not place.exists():
        raise DataError("there is no such file or folder.", where=str(place))
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    files = [path for path in found if path.is_file() and path.name.endswith(SUFFIXES)]
    if not files:
        raise DataError("there are no .dbn or .dbn.zst files.", where=str(place))
    return files


def incoming(number: int, path: Path, staging: Path) -> IncomingFile:
    """Copy a file into the staging folder and read it. Raises DataError where it is cut or not DBN.

    `number` keeps files of the same name apart.
    """
    part = staging / str(number) / f"{path.name.removesuffix('.zst')}.zst"
    part.parent.mkdir()
    _copy_compressed(path, part)
    try:
        whole, header = read_whole(part, str(path)), full_header(part)
        refuse_others(header.dataset, str(path))
        check_records(part, str(path), path.name)
        check_bars(part, header, whole.rows, str(path))
    except DataError as error:
        message = error.message.removeprefix(f"{part} ")
        raise DataError(message, where=str(path), hint=error.hint) from error
    return IncomingFile(path, part, whole, header, _entry_of(part.name, whole, header))


def names_of(header: Header) -> frozenset[str]:
    """Return the raw names in a file's header."""
    return frozenset(one.name for meanings in header.names.values() for one in meanings)


def _copy_compressed(path: Path, part: Path) -> None:
    """Copy a file; compress it if it is not."""
    with path.open("rb") as source, part.open("wb") as into:
        plain = source.read(len(MAGIC)) == MAGIC
        source.seek(0)
        if plain:
            zstandard.ZstdCompressor(write_checksum=True).copy_stream(source, into)
        else:
            shutil.copyfileobj(source, into, 1 << 20)


def _entry_of(name: str, whole: CompleteFile, header: Header) -> FileEntry:
    return FileEntry(
        path=f"{_root_of_file(header)}/imported/{name}",
        schema=header.schema,
        symbol=",".join(header.symbols),
        stype_in=header.stype_in,
        start=_utc_day(header.start),
        end=_utc_day(header.end + DAY_NS - 1) if header.end is not None else date.max,
        rows=whole.rows,
        size=whole.size,
        sha256=whole.sha256,
        got=now(),
        source="import",
    )


def _root_of_file(header: Header) -> str:
    """Return the root that all of a file's names share, or `mixed`."""
    roots = set(_roots_of([*names_of(header), *header.symbols]))
    only = roots.pop() if len(roots) == 1 else MIXED
    return only if ROOT.fullmatch(only) else MIXED


def _roots_of(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        near = name.split("-")[0].split(" ")[0]
        if is_outright(near) and (found := DATED.fullmatch(near)):
            yield found["root"]
        elif "." in near:
            yield near.partition(".")[0]


def _utc_day(nanoseconds: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=nanoseconds // DAY_NS)).date()


class ImportedFile(msgspec.Struct, frozen=True):
    """An imported file: where it came from, its path in the dataset, whether it was new."""

    file: str
    path: str
    new: bool


class Imported(msgspec.Struct, frozen=True):
    """The imported files, and the catalogs that were rebuilt."""

    files: list[ImportedFile]
    catalogs: list[CatalogSummary]


class _Coverage(NamedTuple):
    group: tuple[str, str]
    start: date
    end: date
    names: frozenset[str]


def import_path(place: Path) -> Imported:
    """Import the files at a path and rebuild the catalogs of their datasets: all or nothing.

    Every record of every file is checked, and the catalogs are built, before the first file is
    stored. A plain `.dbn` is compressed. Raises DataError for a file that is cut short, is not DBN,
    is of another dataset than CME's, holds an impossible record, or has days that another imported
    file has.
    """
    with writing(state_dir.data_dir(), str(place)):
        state_dir.data_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state_dir.data_dir(), prefix=".import.") as staging:
            found = enumerate(files_in(place))
            ready = [incoming(number, path, Path(staging)) for number, path in found]
            imported_files: list[ImportedFile] = []
            catalogs: list[CatalogSummary] = []
            for dataset in sorted({one.header.dataset for one in ready}):
                with locked(dataset) as store:
                    own = [one for one in ready if one.header.dataset == dataset]
                    some, built = _store_files(own, store)
                    imported_files += some
                    catalogs += [built] if built else []
    return Imported(imported_files, catalogs)


def _store_files(
    ready: list[IncomingFile], store: ManifestStore
) -> tuple[list[ImportedFile], CatalogSummary | None]:
    known = {entry.sha256: entry for entry in store.manifest.files.values()}
    new_files = {one.whole.sha256: one for one in ready if one.whole.sha256 not in known}
    imported = {
        path: _coverage(entry, full_header(store.path(path)))
        for path, entry in store.manifest.files.items()
        if entry.source == "import" and store.path(path).is_file()
    }
    for one in new_files.values():
        _refuse_same_days(one, imported)
        _refuse_same_name(one, store)
        imported[str(one.source)] = _coverage(one.entry, one.header)
    parts = {one.entry.path: one.part for one in new_files.values()}
    if len(parts) < len(new_files):
        raise DataError("two files have the same name.", where=str(ready[0].source.parent))
    entries = [*store.manifest.files.values(), *(one.entry for one in new_files.values())]
    with prepared(store, entries, lambda name: parts.get(name) or store.path(name)) as build:
        for one in new_files.values():
            target = store.path(one.entry.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(one.part, target)
        store.add_file(*(one.entry for one in new_files.values()))
        if build is not None:
            build.install()
    imported_files = [
        ImportedFile(str(one.source), known.get(sha, one.entry).path, sha in new_files)
        for one in ready
        for sha in [one.whole.sha256]
    ]
    return imported_files, build.built if build else None


def _refuse_same_name(one: IncomingFile, store: ManifestStore) -> None:
    """Raise DataError where another file has its name, unless a killed run left the same file."""
    target = store.path(one.entry.path)
    known = one.entry.path in store.manifest.files
    if known or (target.exists() and digest(target) != one.whole.sha256):
        raise DataError(
            f"another file is called '{one.entry.path}' here.",
            where=str(one.source),
            hint="Give this one another name.",
        )


def _refuse_same_days(one: IncomingFile, imported: dict[str, _Coverage]) -> None:
    own = _coverage(one.entry, one.header)
    for other, coverage in imported.items():
        both = own.names & coverage.names
        days = own.start < coverage.end and coverage.start < own.end
        if both and days and own.group == coverage.group:
            raise DataError(
                f"has days of {', '.join(sorted(both)[:3])} that '{other}' has too.",
                where=str(one.source),
                hint="Import each day once.",
            )


def _coverage(entry: FileEntry, header: Header) -> _Coverage:
    return _Coverage((entry.source, entry.schema), entry.start, entry.end, names_of(header))
