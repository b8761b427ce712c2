"""Free disk space, checked before money is spent, and errors of a full disk."""

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
RESERVE = 1 << 20  # bytes that stay free, for the manifest and other small files
SAID = re.compile(r"\[Errno (\d+)\]")


def is_full(error: BaseException | None) -> bool:
    """Say whether an error or one of its causes is a full disk: the vendor's client wraps it."""
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
    """Turn the OSError of a full or broken disk into DataError."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(place, what) from error
        raise DataError(
            f"{place} cannot be written: {error.strerror or error}.", where=what
        ) from error


class FreeSpace:
    """Free space of a folder's disk, shared by concurrent downloads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._reserved = folder, 0
        self._lock = threading.Lock()

    def check(self, size: int, what: str) -> None:
        """Raise DataError unless `size` bytes are free and not reserved."""
        if (free := shutil.disk_usage(self._folder).free - self._reserved) < size + RESERVE:
            raise DataError(
                f"{self._folder} has {free:,} bytes free, and up to {size + RESERVE:,} are needed; "
                "nothing was bought for it.",
                where=what,
                hint="Make room, or buy fewer roots, schemas or days.",
            )

    @contextmanager
    def reserve(self, size: int, what: str) -> Iterator[None]:
        """Reserve `size` bytes for the block. Raises DataError where they are not free."""
        with self._lock:
            self.check(size, what)
            self._reserved += size
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= size
