"""A file read to its end: how many records, how many bytes, which hash."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from qe_plugins.data.dbn_file import DbnFile, check_whole, digest, read_header


class Whole(msgspec.Struct, frozen=True):
    """A file that is not cut short. `size` is bytes on the disk."""

    path: Path
    header: DbnFile
    rows: int
    size: int
    sha256: str


def read_whole(path: Path, where: str) -> Whole:
    """Read a file to its end, and see it safe on the disk. Raises DataError where it is cut."""
    header = read_header(path, where)
    rows = check_whole(path, where)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return Whole(path, header, rows, path.stat().st_size, digest(path))
