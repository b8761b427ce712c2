"""When each moment of recorded data is due in real time, and whether the session shall end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SECOND = 1_000_000_000
HOLE = 600 * SECOND
"""Market time without a record that is skipped: closed hours, holidays, missing data."""

AFTER_HOLE = 1 * SECOND
"""Market time that a skipped hole takes."""


class Pace:
    """Waits until a moment of the data is due, at `speed` times real time; None is without waiting.

    With `skip` a hole of more than ten minutes takes one second of market time. A session that
    falls behind does not catch up: each step begins when the one before is done.
    """

    def __init__(
        self,
        speed: float | None,
        *,
        skip: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed, self._skip, self._now = speed, skip, now
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
        if self._speed is None or before is None:
            self._due = now
            return 0.0
        step = max(moment - before, 0)
        if self._skip and step > HOLE:
            step = AFTER_HOLE
        self._due = max(self._due + step / SECOND / self._speed, now)
        return self._due - now

    def wait(self, moment: int) -> bool:
        """Wait until a moment is due; return False where the session shall end instead."""
        seconds = self.seconds_to(moment)
        if seconds > 0:
            self._stop.wait(seconds)
        return not self._stop.is_set()
