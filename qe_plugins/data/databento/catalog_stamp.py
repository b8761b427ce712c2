"""The stamp in a catalog: hashes of its sources and files. A stale catalog is not used."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.data.databento.manifest import FileEntry, Manifest
from qe_plugins.data.dbn import statistics
from qe_plugins.data.dbn.bar_series import BAR_SCHEMAS
from qe_plugins.data.dbn.files import digest
from qe_plugins.errors import DataError

FOLDER = "catalog"
STAMP = "made_of.json"
MANIFEST = "manifest.json"
FORM = "1"  # version of the catalog's content; a change rebuilds every catalog
SHOWN = 3
UNSTAMPED = "it does not say which files it was made of; move it away: it is not replaced"
REBUILD = "run 'qe data catalog --rebuild'"


class CatalogStamp(msgspec.Struct, frozen=True):
    """SHA-256 by path of each source file of a catalog (`sources`) and of each file in it."""

    form: str
    sources: dict[str, str]
    files: dict[str, str]


def sources(entries: Iterable[FileEntry]) -> list[FileEntry]:
    """Return the files that a catalog is built from; none unless there are bars and definitions."""
    used = [entry for entry in entries if entry.stype_in != "continuous"]
    schemas = {entry.schema for entry in used}
    if "definition" not in schemas or not schemas & set(BAR_SCHEMAS):
        return []
    wanted = {"definition", statistics.SCHEMA, *BAR_SCHEMAS}
    return sorted((one for one in used if one.schema in wanted), key=lambda one: one.path)


def write_stamp(folder: Path, used: Iterable[FileEntry]) -> None:
    """Write the stamp into a new catalog. Call it last: it hashes every file."""
    made = CatalogStamp(FORM, {one.path: one.sha256 for one in used}, _file_digests(folder))
    (folder / STAMP).write_bytes(msgspec.json.format(msgspec.json.encode(made, order="sorted")))


def swap(staging: Path, folder: Path) -> None:
    """Replace an old catalog by a new one and remove the old one."""
    old = staging.with_name(f".{FOLDER}.old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(staging, folder)
    shutil.rmtree(old, ignore_errors=True)


def refuse_foreign(folder: Path) -> None:
    """Raise DataError where a folder at a catalog's path was not created by this program.

    Such a folder is never replaced or removed; an empty folder may be.
    """
    is_folder = folder.is_dir() and not folder.is_symlink()
    ours = (folder / STAMP).is_file() or not any(folder.iterdir()) if is_folder else False
    if os.path.lexists(folder) and not ours:
        raise DataError(
            f"was not made by this program (no {STAMP} in it) and is not replaced.",
            where=str(folder),
            hint="Move it away and run the command again.",
        )


def remove(folder: Path) -> None:
    """Remove a catalog without source files, if this program created it."""
    if (folder / STAMP).is_file():
        old = folder.with_name(f".{FOLDER}.old")
        os.replace(folder, old)
        shutil.rmtree(old, ignore_errors=True)


def check_catalog(folder: Path, place: str) -> None:
    """Raise DataError where a catalog was changed, or was not built from the manifest's files.

    A catalog without a manifest beside it and without a stamp is a user's own and not checked. A
    passed check is cached by file names, sizes and modification times.
    """
    mark = _passed_mark(folder)
    if mark is not None and mark.exists():
        return
    if wrong := faults(folder):
        raise DataError(
            f"{folder} cannot be trusted: {wrong[0]}.",
            where=place,
            hint=f"{REBUILD.capitalize()}.",
        )
    if mark is not None:
        with suppress(OSError):  # the cache is optional
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def faults(folder: Path, manifest: Manifest | None = None) -> list[str]:
    """Return messages of how a catalog differs from its stamp and manifest; none if it does not.

    `manifest` is by default the one beside the catalog.
    """
    manifest = manifest or _manifest_beside(folder)
    made = _read_stamp(folder / STAMP)
    if made is None:
        return [UNSTAMPED] if manifest else []
    if made.form != FORM:
        return ["it was made by another version of this program"]
    return [*_source_changes(made, manifest), *_changed_files(made.files, _file_digests(folder))]


def is_fresh(folder: Path, manifest: Manifest) -> bool:
    """Say whether the catalog is up to date; true where the files allow no catalog."""
    if not sources(manifest.files.values()):
        return True
    return folder.is_dir() and not faults(folder, manifest)


def _source_changes(made: CatalogStamp, manifest: Manifest | None) -> Iterator[str]:
    if manifest is None:
        return
    now = {one.path: one.sha256 for one in sources(manifest.files.values())}
    if now != made.sources:
        added, gone = sorted(set(now) - set(made.sources)), sorted(set(made.sources) - set(now))
        parts = [
            *([f"without {_first_names(added)}"] if added else []),
            *([f"with {_first_names(gone)}, which is gone"] if gone else []),
        ]
        yield f"it was made {' and '.join(parts) or 'of other files of the same names'}"


def _changed_files(made: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if gone := sorted(set(made) - set(now)):
        yield f"{_first_names(gone)} is missing from it"
    if foreign := sorted(set(now) - set(made)):
        yield f"{_first_names(foreign)} was put into it"
    if other := sorted(name for name in set(made) & set(now) if made[name] != now[name]):
        yield f"{_first_names(other)} was changed"


def _first_names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _catalog_files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file() and one.name != STAMP)


def _file_digests(folder: Path) -> dict[str, str]:
    return {one.relative_to(folder).as_posix(): digest(one) for one in _catalog_files(folder)}


def _passed_mark(folder: Path) -> Path | None:
    """Return the file that marks a passed check; None for a user's own catalog."""
    kept = [folder / STAMP, folder.parent / MANIFEST]
    known = [one for one in kept if one.is_file()]
    if not known:
        return None
    stats = [(str(one), one.stat()) for one in (*known, *_catalog_files(folder))]
    text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    key = hashlib.sha256(f"{folder.resolve()}\n{text}".encode()).hexdigest()[:32]
    return state_dir.cache_dir() / "checked" / f"catalog-{key}"


def _manifest_beside(folder: Path) -> Manifest | None:
    path = folder.parent / MANIFEST
    if folder.name != FOLDER or not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(
            f"cannot be read: {error}.", where=str(path), hint="Restore it from a backup."
        ) from error


def _read_stamp(path: Path) -> CatalogStamp | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CatalogStamp)
    except (OSError, msgspec.MsgspecError):
        return None
