"""A process that was suspended: its clock has jumped, and its answers lie unread in the sockets."""

from __future__ import annotations

import asyncio
from typing import Protocol

EVERY = 0.25
"""Seconds between two looks at the clock while calls are in flight."""

GAP = 1.0
"""Seconds that a look may be late without anything having stopped."""

GRACE = 1.0
"""Seconds after waking in which what has arrived is read, before anything is judged late."""


class PendingSockets(Protocol):
    """A call in flight."""

    def wake(self, seconds: float) -> None:
        """Wait so many seconds longer: for so long nothing could be read."""


class SuspensionWatch:
    """Gives calls in flight the time back for which this process did not run."""

    def __init__(self) -> None:
        self._flying: set[PendingSockets] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._woke = float("-inf")

    def begin(self, call: PendingSockets) -> None:
        """Watch over a call."""
        self._flying.add(call)
        if self._timer is None:
            self._look_later()

    def end(self, call: PendingSockets) -> None:
        """Let a call go."""
        self._flying.discard(call)

    def grace(self) -> float:
        """Return for how many seconds nothing is to be judged late; 0 but just after waking."""
        return max(self._woke + GRACE - asyncio.get_running_loop().time(), 0.0)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due := loop.time() + EVERY, self._look, due)

    def _look(self, due: float) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        if now - due > GAP:
            self._woke = now
            for call in self._flying:
                call.wake(now - due + GRACE)
        if self._flying:
            self._look_later()
