"""The documented rate limits, a team: so many requests of one family in any second."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

PER_SECOND = {"timeseries": 100, "symbology": 100, "metadata": 20}


class Limits:
    """Remembers when each family was asked."""

    def __init__(self) -> None:
        self._asked: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def exceeded(self, endpoint: str) -> bool:
        """Count a request of `endpoint` and say whether it is one too many."""
        family = endpoint.partition(".")[0]
        now = time.monotonic()
        with self._lock:
            asked = self._asked[family]
            while asked and now - asked[0] >= 1.0:
                asked.popleft()
            asked.append(now)
            return len(asked) > PER_SECOND.get(family, 100)
