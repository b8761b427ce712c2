"""Exchange calendars: those that the package ships, else of pandas_market_calendars.

Importing the latter takes seconds and 90 MB, so what it says is cached on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date, time
from functools import lru_cache

import msgspec

from qe_plugins import state_dir
from qe_plugins.market import shipped_calendars


@lru_cache(maxsize=8)
def closes(name: str, first: date, last: date) -> dict[date, time]:
    """Return the close of each day of a calendar, Chicago time, both ends inclusive."""
    shipped = shipped_calendars.closes(name, first, last)
    if shipped is not None:
        return shipped

    def compute() -> dict[date, time]:
        return shipped_calendars.computed(name, first, last)

    return _cached(f"{name} closes {first} {last}", dict[date, time], compute)


def days(name: str, first: date, last: date) -> list[date]:
    """Return the days of a calendar, oldest first, both ends inclusive."""
    return list(closes(name, first, last))


def _cached[T](what: str, kind: type[T], compute: Callable[[], T]) -> T:
    """Return the cached value for this version of the package, else compute and store it."""
    called = f"{what} {shipped_calendars.library_version()}.json".replace(" ", "-")
    file = state_dir.cache_dir() / "calendars" / called
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=kind)
    found = compute()
    with suppress(OSError):  # the cache is optional
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(msgspec.json.encode(found))
        os.replace(part, file)
    return found
