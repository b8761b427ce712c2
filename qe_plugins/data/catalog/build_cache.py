"""Cache of folders that can be rebuilt: each is built under a temporary name, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from qe_plugins import state_dir, stop_signals
from qe_plugins.errors import DataError

MANIFEST = "built.json"  # written last: the size of every file


def cached[T](kind: str, key: str, build: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """Return `read(folder)` of the folder of `key`; `build` fills the folder where it is missing.

    A folder with a file missing or cut, or for which `read` raises DataError, is built again. Safe
    for several processes: one builds and the others wait.
    """
    from filelock import FileLock  # which imports asyncio

    folder = state_dir.cache_dir() / kind / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if _is_complete(folder):
            try:
                return read(folder)
            except DataError:
                pass  # damaged inside: built again below
        _build_folder(folder, build)
        return read(folder)


def _build_folder(folder: Path, build: Callable[[Path], None]) -> None:
    _remove_leftovers(folder)  # of a process that was killed
    with stop_signals.undone_by(partial(_remove_leftovers, folder)):
        staging = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
        try:
            build(staging)
            (staging / MANIFEST).write_bytes(msgspec.json.encode(_file_sizes(staging)))
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(staging, folder)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.parent.glob(f"{folder.name}.*/"):
        stop_signals.removed(leftover)


def _is_complete(folder: Path) -> bool:
    try:
        written = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.MsgspecError):
        return False
    return written == _file_sizes(folder)


def _file_sizes(folder: Path) -> dict[str, int]:
    return {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
