"""A place in line, first come first served: asyncio's semaphore takes longer the longer the line.

Its release looks through everybody who waits; with 6,000 of them that is most of a replay.
"""

from __future__ import annotations

import asyncio
from collections import deque

FEW = 40
"""How many may enter in one turn of the loop."""


class Slots:
    """So many may be inside at once. An async context manager, for any number of tasks.

    Free places are taken by a `FEW` at a time: if a thousand began together, they would go through
    every stage together, the processor idle while all wait and all waiting while it works.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[asyncio.Future[None]] = deque()
        self._admitting = False

    async def __aenter__(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._admit_soon()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it had its turn, and left before it could take it
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self._free += 1
        self._admit_soon()

    def _admit_soon(self) -> None:
        if self._free and self._line and not self._admitting:
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._admitting = False
        for _ in range(FEW):
            while self._line and self._line[0].done():
                self._line.popleft()
            if not self._line or not self._free:
                return
            self._free -= 1
            self._line.popleft().set_result(None)
        self._admit_soon()
