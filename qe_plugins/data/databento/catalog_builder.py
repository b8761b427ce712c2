"""The Parquet catalog beside the bought files: contracts and bars, made again from them at will.

It carries what it was made from, and is checked against the manifest and the files before use.
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


def rebuild(
    store: ManifestStore, tick: Callable[[str], None] = lambda _: None
) -> CatalogSummary | None:
    """Make the catalog of a dataset anew from its bars and definitions; None without either.

    `tick` hears the name of every series that is written. The old catalog stays until the new one
    is whole, and is not believed where it is not made of the files that there are.
    """
    with prepared(store, store.manifest.files.values(), store.path, tick) as build:
        if build is None:
            remove(store.folder / FOLDER)
            return None
        build.install()
        return build.built


class CatalogBuild(msgspec.Struct, frozen=True):
    """A catalog that is whole and not yet in its place."""

    built: CatalogSummary
    staging: Path
    place: Path

    def install(self) -> None:
        """Put it in the place of the old one."""
        swap(self.staging, self.place)


@contextmanager
def prepared(
    store: ManifestStore,
    entries: Iterable[FileEntry],
    path_of: Callable[[str], Path],
    tick: Callable[[str], None] = lambda _: None,
) -> Iterator[CatalogBuild | None]:
    """Make a catalog of a dataset's files beside the old one, which stays; None without any.

    `path_of` says where a file lies now. What was not put in its place is gone afterwards. Raises
    DataError where a folder that was not made here is in the catalog's place.
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
            built = _build(store, used, path_of, staging, tick)
            write_stamp(staging, used)
        yield CatalogBuild(built, staging, store.folder / FOLDER)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _build(
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
    """Raise DataError, in one line that names it, for a file that is not what it was."""
    if path.is_file():
        rows = check_records(path, entry.path, entry.path)
        if rows == entry.rows:
            return
        what = f"has {rows:,} rows, and {entry.rows:,} were written down"
    else:
        what = "is gone"
    raise DataError(
        f"{what}.",
        where=entry.path,
        hint=f"Restore it from a backup, or take it out with 'qe data remove {entry.path}'.",
    )


def _bar_files(entries: Iterable[FileEntry], path_of: Callable[[str], Path]) -> list[BarFile]:
    """Return the files of bars in groups that share no contract, small ones where that is known."""
    bars = [entry for entry in entries if entry.schema in BAR_SCHEMAS]
    whole = {_root(entry) for entry in bars if entry.path.split("/")[1] != "contracts"}

    def group(entry: FileEntry) -> str:
        if MIXED in whole:
            return ""
        return _root(entry) if _root(entry) in whole else entry.path.partition(".")[0]

    return [BarFile(path_of(one.path), one.schema, one.rows, group(one)) for one in bars]


def _root(entry: FileEntry) -> str:
    return entry.path.split("/")[0]
