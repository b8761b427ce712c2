"""Detect that the process was suspended: its clock has jumped and its sockets are unread."""

from __future__ import annotations

import asyncio
from typing import Protocol

EVERY = 0.25
"""Seconds between two checks of the clock while calls are in flight."""

GAP = 1.0
"""Seconds by which a check may be late without a suspension."""

GRACE = 1.0
"""Seconds after a suspension in which sockets are read before any call is late."""


class PendingSockets(Protocol):
    """A call in flight."""

    def wake(self, seconds: float) -> None:
        """Extend the timeout by the seconds in which nothing could be read."""


class SuspensionWatch:
    """Extends the timeouts of calls in flight by the time that the process was suspended."""

    def __init__(self) -> None:
        self._in_flight: set[PendingSockets] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._woken_at = float("-inf")

    def begin(self, call: PendingSockets) -> None:
        """Start watching a call."""
        self._in_flight.add(call)
        if self._timer is None:
            self._schedule_check()

    def end(self, call: PendingSockets) -> None:
        """Stop watching a call."""
        self._in_flight.discard(call)

    def grace(self) -> float:
        """Return for how many seconds no call is late; 0 except just after a suspension."""
        return max(self._woken_at + GRACE - asyncio.get_running_loop().time(), 0.0)

    def _schedule_check(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due := loop.time() + EVERY, self._check, due)

    def _check(self, due: float) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        if now - due > GAP:
            self._woken_at = now
            for call in self._in_flight:
                call.wake(now - due + GRACE)
        if self._in_flight:
            self._schedule_check()
