"""Ticks of a schedule in UTC, and an interruptible wait for one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Protocol

from qe_plugins.fleet.shutdown import StopRequest

LONGEST = 30.0
"""Seconds after which a waiting clock reads the time again: the machine may have been suspended."""


class Clock(Protocol):
    """The clock of a schedule. Tests use one of their own."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def wait(self, until: datetime, stop: StopRequest) -> bool:
        """Wait until a moment; return False as soon as `stop` is requested."""


class WallClock:
    """The clock of the system."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def wait(self, until: datetime, stop: StopRequest) -> bool:
        """Wait until a moment; return False as soon as `stop` is requested."""
        while (left := (until - self.now()).total_seconds()) > 0:
            if stop.wait(min(left, LONGEST)):
                return False
        return not stop.requested


def next_tick(after: datetime, every: float) -> datetime:
    """Return the first tick after a moment. Ticks are whole multiples of `every` seconds of UTC."""
    return _at((math.floor(after.timestamp() / every) + 1) * every)


def passed(since: datetime, until: datetime, every: float) -> int:
    """Return the number of ticks after `since`, up to and including `until`."""
    first, last = (math.floor(at.timestamp() / every) for at in (since, until))
    return max(last - first, 0)


def midnight_after(at: datetime) -> datetime:
    """Return the start of the next UTC day."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
