"""One node an account: a lock file that the process holds for as long as it lives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.errors import QeError


def lock_file(account: str) -> Path:
    """Return the lock file of an account."""
    return state_dir.inside(state_dir.state_dir() / "locks", f"{account}.lock")


@contextmanager
def locked(account: str) -> Iterator[None]:
    """Hold the lock of an account. Raises QeError where another process holds it.

    The operating system releases it when the process dies, however it dies.
    """
    file = lock_file(account)
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = file.with_suffix(".pid")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = f"process {holder.read_text().strip()}" if holder.is_file() else "another process"
        raise QeError(
            f"{who} trades this account already.",
            where=f"account {account}",
            hint="`qe status` lists the sessions; two nodes would each close what the other opens.",
        ) from None
    try:
        holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
