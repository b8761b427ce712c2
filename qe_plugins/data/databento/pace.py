"""The vendor's documented limits, a team: metadata 20 a second, symbology and streams 100."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache

METADATA = 18  # two below the limit, for whoever else of the team asks


@cache
def metadata(key: str, gateway: str | None) -> Pace:
    """Return the pace that every desk of one account keeps together."""
    return Pace(METADATA)


class Pace:
    """Lets at most `most` callers through in any second."""

    def __init__(self, most: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._most, self._sleep = most, sleep
        self._passed: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            if len(self._passed) == self._most:
                self._sleep(max(0.0, self._passed.popleft() + 1.0 - time.monotonic()))
            self._passed.append(time.monotonic())
