"""A place in line, first come first served: asyncio's semaphore takes longer the longer the line.

Its release looks through everybody who waits; with 6,000 of them that is most of a replay.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """So many may be inside at once. An async context manager, for any number of tasks."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()  # it had its turn, and left before it could take it
            raise

    async def __aexit__(self, *_: object) -> None:
        self._next()

    def _next(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
