"""The vendor's documented limits, a team: metadata 20 a second, symbology and streams 100."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue

METADATA = 18  # two below the limit, for whoever else of the team asks


@cache
def metadata(key: str, gateway: str | None) -> Pace:
    """Return the pace that every desk of one account keeps together."""
    return Pace(METADATA)


class Pace:
    """Lets at most `most` requests arrive at the vendor in any second, however long they travel.

    There are so many tokens. A request takes one along, and it rests for a second after the answer.
    """

    def __init__(self, most: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._rested: SimpleQueue[float] = SimpleQueue()
        for _ in range(most):
            self._rested.put(0.0)

    def ask[T](self, call: Callable[[], T]) -> T:
        """Make a request when it is its turn, and return the answer."""
        at = self._rested.get()
        try:
            self._sleep(max(0.0, at - time.monotonic()))
            return call()
        finally:
            self._rested.put(time.monotonic() + 1.0)
