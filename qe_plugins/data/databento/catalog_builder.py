"""Build the Parquet catalog of a dataset's files: contracts, bars, final settlements.

A catalog can be rebuilt at any time. It holds a stamp of its source files, and is checked against
the manifest and the files before use.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from qe_plugins.data.databento.catalog_stamp import (
    FOLDER,
    refuse_foreign,
    remove,
    sources,
    swap,
    write_stamp,
)
from qe_plugins.data.databento.disk_space import writing
from qe_plugins.data.databento.manifest import FileEntry, ManifestStore
from qe_plugins.data.dbn import final_settlements, statistics
from qe_plugins.data.dbn.bar_series import BAR_SCHEMAS, BarFile, write_bars
from qe_plugins.data.dbn.instruments import read_futures, write_instruments
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.errors import DataError

MIXED = "mixed"  # the folder of files that have several roots


class CatalogSummary(msgspec.Struct, frozen=True):
    """A catalog that was built. `settlements` counts contracts with a final settlement price.

    `refused` describes definitions that differ from `configs/markets.yaml`, with both figures;
    `undefined` names futures with bars but no definition. Neither are in the catalog.
    """

    folder: str
    contracts: int
    bars: int
    settlements: int
    refused: list[str]
    undefined: list[str]


def rebuild(
    store: ManifestStore, tick: Callable[[str], None] = lambda _: None
) -> CatalogSummary | None:
    """Rebuild the catalog of a dataset from its bars and definitions; None without either.

    `tick` is called with the name of every series before it is written. The old catalog stays in
    place until the new one is complete. Raises DataError for a damaged or missing file.
    """
    with prepared(store, store.manifest.files.values(), store.path, tick) as build:
        if build is None:
            remove(store.folder / FOLDER)
            return None
        build.install()
        return build.built


class CatalogBuild(msgspec.Struct, frozen=True):
    """A catalog that is complete in the folder `staging` and not yet at `place`."""

    built: CatalogSummary
    staging: Path
    place: Path

    def install(self) -> None:
        """Replace the old catalog by this one."""
        swap(self.staging, self.place)


@contextmanager
def prepared(
    store: ManifestStore,
    entries: Iterable[FileEntry],
    path_of: Callable[[str], Path],
    tick: Callable[[str], None] = lambda _: None,
) -> Iterator[CatalogBuild | None]:
    """Build a catalog of a dataset's files next to the old one; None without bars or definitions.

    `path_of` returns where a file is now. A build that is not installed is removed on exit. Raises
    DataError where a folder that this program did not create has the catalog's name.
    """
    used = sources(entries)
    for name in (f".{FOLDER}.new", f".{FOLDER}.old"):  # of a run that was killed
        shutil.rmtree(store.folder / name, ignore_errors=True)
    if not used:
        yield None
        return
    refuse_foreign(store.folder / FOLDER)
    staging = store.folder / f".{FOLDER}.new"
    try:
        with writing(store.folder, FOLDER):
            staging.mkdir()
            built = _build_catalog(store, used, path_of, staging, tick)
            write_stamp(staging, used)
        yield CatalogBuild(built, staging, store.folder / FOLDER)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _build_catalog(
    store: ManifestStore,
    used: Sequence[FileEntry],
    path_of: Callable[[str], Path],
    folder: Path,
    tick: Callable[[str], None],
) -> CatalogSummary:
    for entry in used:
        _refuse_damaged(entry, path_of(entry.path))
    by_schema: dict[str, list[Path]] = {}
    for entry in used:
        by_schema.setdefault(entry.schema, []).append(path_of(entry.path))
    found = read_futures(by_schema["definition"], store.manifest.dataset)
    write_instruments(found, folder)
    bars = _bar_files(used, path_of)
    written = write_bars(bars, found.contracts, folder, twice=True, tick=tick)
    settled = final_settlements.write_settlements(by_schema.get(statistics.SCHEMA, []), folder)
    refused = list(map(str, found.refused))
    undefined = sorted(set(written.left) - {one.name for one in found.refused})
    return CatalogSummary(
        str(store.folder / FOLDER), len(found.contracts), written.bars, settled, refused, undefined
    )


def _refuse_damaged(entry: FileEntry, path: Path) -> None:
    """Raise DataError for a file that is missing or differs from its manifest entry."""
    if path.is_file():
        rows = check_records(path, entry.path, entry.path)
        if rows == entry.rows:
            return
        what = f"has {rows:,} rows, and the manifest says {entry.rows:,}"
    else:
        what = "is gone"
    raise DataError(
        f"{what}.",
        where=entry.path,
        hint=f"Restore it from a backup, or take it out with 'qe data remove {entry.path}'.",
    )


def _bar_files(entries: Iterable[FileEntry], path_of: Callable[[str], Path]) -> list[BarFile]:
    """Return the bar files in the smallest known groups that share no contract."""
    bars = [entry for entry in entries if entry.schema in BAR_SCHEMAS]
    whole = {_root_of_entry(entry) for entry in bars if entry.path.split("/")[1] != "contracts"}

    def group(entry: FileEntry) -> str:
        if MIXED in whole:
            return ""
        return (
            _root_of_entry(entry)
            if _root_of_entry(entry) in whole
            else entry.path.partition(".")[0]
        )

    return [BarFile(path_of(one.path), one.schema, one.rows, group(one)) for one in bars]


def _root_of_entry(entry: FileEntry) -> str:
    return entry.path.split("/")[0]
