"""Cache of folders that can be rebuilt: each is built under a temporary name, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from filelock import FileLock

from qe_plugins import state_dir, stop_signals
from qe_plugins.errors import DataError

MANIFEST = "built.json"  # written last: the size of every file


def cached[T](kind: str, key: str, build: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """Return `read(folder)` of the folder of `key`; `build` fills the folder where it is missing.

    A folder with a file missing or cut, or for which `read` raises DataError, is built again. Safe
    for several processes: one builds and the others wait.
    """
    place = state_dir.cache_dir() / kind / key
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if _is_whole(place):
            try:
                return read(place)
            except DataError:
                pass  # damaged inside: built again below
        _rebuild(place, build)
        return read(place)


def _rebuild(place: Path, build: Callable[[Path], None]) -> None:
    _remove_leftovers(place)  # of a process that was killed
    workshop = Path(tempfile.mkdtemp(prefix=f"{place.name}.", dir=place.parent))
    try:
        with stop_signals.undone_by(partial(_remove_leftovers, place)):
            build(workshop)
        (workshop / MANIFEST).write_bytes(msgspec.json.encode(_sizes(workshop)))
        if place.exists():
            shutil.rmtree(place)
        os.replace(workshop, place)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise


def _remove_leftovers(place: Path) -> None:
    for leftover in place.parent.glob(f"{place.name}.*/"):
        stop_signals.removed(leftover)


def _is_whole(place: Path) -> bool:
    try:
        written = msgspec.json.decode((place / MANIFEST).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.MsgspecError):
        return False
    return written == _sizes(place)


def _sizes(place: Path) -> dict[str, int]:
    return {
        file.relative_to(place).as_posix(): file.stat().st_size
        for file in sorted(place.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
