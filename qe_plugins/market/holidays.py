"""Exchange calendars of pandas_market_calendars, cached on disk: importing it takes seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date, time
from functools import lru_cache
from importlib.metadata import version

import msgspec

from qe_plugins import state_dir
from qe_plugins.market.exchange_zone import CHICAGO


@lru_cache(maxsize=8)
def closes(name: str, first: date, last: date) -> dict[date, time]:
    """Return the close of each day of a calendar, Chicago time, both ends inclusive."""

    def compute() -> dict[date, time]:
        from pandas_market_calendars import get_calendar

        schedule = get_calendar(name).schedule(first, last)
        return {at.date(): at.time() for at in schedule["market_close"].dt.tz_convert(CHICAGO)}

    return _cached(f"{name} closes {first} {last}", dict[date, time], compute)


@lru_cache(maxsize=8)
def days(name: str, first: date, last: date) -> list[date]:
    """Return the days of a calendar, oldest first, both ends inclusive."""

    def compute() -> list[date]:
        from pandas_market_calendars import get_calendar

        return [stamp.date() for stamp in get_calendar(name).valid_days(first, last)]

    return _cached(f"{name} days {first} {last}", list[date], compute)


def _cached[T](what: str, kind: type[T], compute: Callable[[], T]) -> T:
    """Return the cached value for this version of the package, else compute and store it."""
    called = f"{what} {version('pandas-market-calendars')}.json".replace(" ", "-")
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
