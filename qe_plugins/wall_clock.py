"""The real time, also in a process whose clock is set to that of recorded data."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_kept: list[tuple[datetime, float]] = []


def keep() -> None:
    """Go by the monotonic clock from here on: the process's clock will be set."""
    _kept[:] = [(datetime.now(UTC), time.monotonic())]


def now() -> datetime:
    """Return the real time, in UTC."""
    if not _kept:
        return datetime.now(UTC)
    at, monotonic = _kept[0]
    return at + timedelta(seconds=time.monotonic() - monotonic)


def now_ns() -> int:
    """Return the real time in UTC nanoseconds, to the microsecond."""
    return nanoseconds(now())


def nanoseconds(at: datetime) -> int:
    """Return a time as UTC nanoseconds, in whole microseconds."""
    return int(at.timestamp() * 1_000_000) * 1_000
