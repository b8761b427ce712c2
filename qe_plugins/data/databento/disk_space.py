"""Room on the disk, asked for before money is spent, and what a full disk looks like."""

from __future__ import annotations

import errno
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qe_plugins.errors import DataError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RESERVE = 1 << 20  # bytes that stay free, for the manifest and what else is written
SAID = re.compile(r"\[Errno (\d+)\]")


def is_full(error: BaseException | None) -> bool:
    """Say whether an error, or what it came of, is a full disk: the vendor's client wraps it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if (said := SAID.search(str(error))) and int(said[1]) in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_full(place: Path, what: str) -> DataError:
    """Return the error of a disk that became full while `what` was written."""
    return DataError(
        f"the disk of {place} is full; nothing is bought again for it.",
        where=what,
        hint="Make room and run the command again: finished files are kept.",
    )


@contextmanager
def writing(place: Path, what: str) -> Iterator[None]:
    """Turn what a full or broken disk raises into DataError."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(place, what) from error
        raise DataError(
            f"{place} cannot be written: {error.strerror or error}.", where=what
        ) from error


class FreeSpace:
    """What may still be written into a folder's disk by downloads at the same time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._reserved = folder, 0
        self._lock = threading.Lock()

    def check(self, size: int, what: str) -> None:
        """Raise DataError where there is no room for `size` bytes."""
        if (free := shutil.disk_usage(self._folder).free - self._reserved) < size + RESERVE:
            raise DataError(
                f"{self._folder} has {free:,} bytes free, and up to {size + RESERVE:,} are needed; "
                "nothing was bought for it.",
                where=what,
                hint="Make room, or buy fewer roots, schemas or days.",
            )

    @contextmanager
    def reserve(self, size: int, what: str) -> Iterator[None]:
        """Keep room for `size` bytes, or raise DataError before any is written."""
        with self._lock:
            self.check(size, what)
            self._reserved += size
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= size
