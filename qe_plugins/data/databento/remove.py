"""Remove files from a dataset, and generated catalogs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.data.databento.catalog_builder import CatalogSummary, prepared
from qe_plugins.data.databento.catalog_stamp import FOLDER, remove
from qe_plugins.data.databento.manifest import ManifestStore, locked, manifest_stores
from qe_plugins.data.synthetic.label import LABEL
from qe_plugins.errors import DataError, did_you_mean

SHOWN = 3


class Removed(msgspec.Struct, frozen=True):
    """Names of what was removed, as `qe data list` shows them, and the rebuilt catalogs."""

    files: list[str]
    catalogs: list[CatalogSummary]


def remove_data(names: Sequence[str], *, paid: bool = False) -> Removed:
    """Remove files by their names in `qe data list`, or generated catalogs by their folders.

    All or nothing: the catalogs are rebuilt without the files first. Raises DataError for an
    unknown name, and for a paid file unless `paid` is set.
    """
    wanted = list(dict.fromkeys(names))
    stores = manifest_stores()
    generated = [name for name in wanted if _is_generated(name)]
    by_dataset = {
        store.manifest.dataset: found
        for store in stores
        if (found := [name for name in wanted if name in _listed_names(store)])
    }
    found_names = {name for found in by_dataset.values() for name in found} | set(generated)
    for name in wanted:
        if name not in found_names:
            known = [one for store in stores for one in _listed_names(store)]
            raise DataError(
                "no such file.",
                where=name,
                hint=did_you_mean(name, known) or "'qe data list' names what is here.",
            )
    for store in stores:
        _refuse_paid(store, by_dataset.get(store.manifest.dataset, []), paid)
    catalogs = [built for one, some in by_dataset.items() if (built := _remove_files(one, some))]
    for name in generated:
        shutil.rmtree(state_dir.data_dir() / name)
    return Removed(wanted, catalogs)


def _remove_files(dataset: str, names: Sequence[str]) -> CatalogSummary | None:
    with locked(dataset) as store:
        rest = [entry for name, entry in store.manifest.files.items() if name not in names]
        with prepared(store, rest, store.path) as build:
            places = [store.path(name) for name in names]
            places += [
                store.path(one.kept) for one in store.manifest.aside.values() if one.path in names
            ]
            with tempfile.TemporaryDirectory(dir=store.folder, prefix=".removed.") as away:
                for number, place in enumerate(places):
                    if place.exists():
                        os.replace(place, Path(away, str(number)))
                store.remove(names)
            if build is None:
                remove(store.folder / FOLDER)
                return None
            build.install()
            return build.built


def _listed_names(store: ManifestStore) -> list[str]:
    return [*store.manifest.files, *store.manifest.aside]


def _refuse_paid(store: ManifestStore, names: Sequence[str], paid: bool) -> None:
    files = [store.manifest.files[name] for name in names if name in store.manifest.files]
    bought = [one for one in files if one.source != "import"]
    if bought and not paid:
        more = f" and {len(bought) - 1} more" if len(bought) > 1 else ""
        raise DataError(
            f"was paid for{more}, and would be paid for again.",
            where=bought[0].path,
            hint="Add --paid to remove it all the same.",
        )


def _is_generated(name: str) -> bool:
    """Say whether a folder in the data folder is a generated catalog: no other is ever removed."""
    if Path(name).name != name or name.startswith("."):
        return False
    folder = state_dir.data_dir() / name
    return not folder.is_symlink() and (folder / LABEL).is_file()
