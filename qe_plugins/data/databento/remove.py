"""Files taken out again: a damaged one, an import by mistake, a generated catalog."""

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
    """What was removed, by the names it was listed under, and the catalogs made without it."""

    files: list[str]
    catalogs: list[CatalogSummary]


def remove_data(names: Sequence[str], *, paid: bool = False) -> Removed:
    """Remove files by their names in `qe data list`, or generated catalogs by their folders.

    Nothing is removed unless all of it can be: catalogs are made without the files first. Raises
    DataError for an unknown name, and for a file that was paid for unless `paid` says so.
    """
    wanted = list(dict.fromkeys(names))
    shelves = manifest_stores()
    generated = [name for name in wanted if _is_generated(name)]
    by_book = {
        book.now.dataset: found
        for book in shelves
        if (found := [name for name in wanted if name in _known(book)])
    }
    found_names = {name for found in by_book.values() for name in found} | set(generated)
    for name in wanted:
        if name not in found_names:
            known = [one for book in shelves for one in _known(book)]
            raise DataError(
                "no such file.",
                where=name,
                hint=did_you_mean(name, known) or "'qe data list' names what is here.",
            )
    for book in shelves:
        _refuse_paid(book, by_book.get(book.now.dataset, []), paid)
    catalogs = [built for one, some in by_book.items() if (built := _remove(one, some))]
    for name in generated:
        shutil.rmtree(state_dir.data_dir() / name)
    return Removed(wanted, catalogs)


def _remove(dataset: str, names: Sequence[str]) -> CatalogSummary | None:
    with locked(dataset) as book:
        rest = [entry for name, entry in book.now.files.items() if name not in names]
        with prepared(book, rest, book.path) as made:
            places = [book.path(name) for name in names]
            places += [book.path(one.kept) for one in book.now.aside.values() if one.path in names]
            with tempfile.TemporaryDirectory(dir=book.folder, prefix=".removed.") as away:
                for number, place in enumerate(places):
                    if place.exists():
                        os.replace(place, Path(away, str(number)))
                book.remove(names)
            if made is None:
                remove(book.folder / FOLDER)
                return None
            made.put()
            return made.built


def _known(book: ManifestStore) -> list[str]:
    return [*book.now.files, *book.now.aside]


def _refuse_paid(book: ManifestStore, names: Sequence[str], paid: bool) -> None:
    files = [book.now.files[name] for name in names if name in book.now.files]
    bought = [one for one in files if one.source != "import"]
    if bought and not paid:
        more = f" and {len(bought) - 1} more" if len(bought) > 1 else ""
        raise DataError(
            f"was paid for{more}, and would be paid for again.",
            where=bought[0].path,
            hint="Add --paid to remove it all the same.",
        )


def _is_generated(name: str) -> bool:
    """Say whether a folder of the data folder was generated here: no other is ever removed."""
    if Path(name).name != name or name.startswith("."):
        return False
    folder = state_dir.data_dir() / name
    return not folder.is_symlink() and (folder / LABEL).is_file()
