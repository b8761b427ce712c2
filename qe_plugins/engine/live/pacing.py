"""When each moment of recorded data is due in real time, and whether the session shall end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SECOND = 1_000_000_000
GAP = 600 * SECOND
"""Market time without a record that is skipped: closed hours, holidays, missing data."""

IDLE = 0.25
"""Seconds of waiting after which the session is shown again."""

AFTER_GAP = 1 * SECOND
"""Market time that a skipped gap takes."""


class Pace:
    """Waits until a moment of the data is due, at `speed` times real time; None is without waiting.

    Moments up to `until` (UTC nanoseconds) are due at once: a session that died catches up. With
    `skip` a gap of more than ten minutes takes one second of market time. A session that
    falls behind does not catch up: each step begins when the one before is done.
    """

    def __init__(
        self,
        speed: float | None,
        *,
        skip: bool = True,
        until: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed, self._skip, self._now = speed, skip, now
        self._until = until
        self._stop = threading.Event()
        self._at: int | None = None
        self._due = 0.0

    @property
    def stopped(self) -> bool:
        """Return whether the session shall end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End the session before the next moment. May be called by a signal's handler."""
        self._stop.set()

    def seconds_to(self, moment: int) -> float:
        """Return the seconds to wait until a moment (UTC nanoseconds); the step begins now."""
        before, self._at = self._at, moment
        now = self._now()
        if self._speed is None or before is None or moment <= self._until:
            self._due = now
            return 0.0
        step = max(moment - before, 0)
        if self._skip and step > GAP:
            step = AFTER_GAP
        self._due = max(self._due + step / SECOND / self._speed, now)
        return self._due - now

    def wait(self, moment: int, idle: Callable[[], None] = lambda: None) -> bool:
        """Wait until a moment is due; return False where the session shall end instead.

        `idle` is called a few times a second meanwhile.
        """
        left = self.seconds_to(moment)
        end = self._now() + left
        while left > 0 and not self._stop.wait(min(left, IDLE)):
            idle()
            left = end - self._now()
        return not self._stop.is_set()
