"""A place in line, first come first served: asyncio's semaphore takes longer the longer the line.

Its release looks through everybody who waits; with 6,000 of them that is most of a replay.
"""

from __future__ import annotations

import asyncio
from collections import deque

FEW = 40
"""How many may enter in one turn of the loop."""


class FairSemaphore:
    """So many may be inside at once. An async context manager, for any number of tasks.

    Free places are taken by a `FEW` at a time: if a thousand began together, they would go through
    every stage together, the processor idle while all wait and all waiting while it works.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[asyncio.Future[None]] = deque()
        self._admitting = False
        self._fresh = 0  # that have entered in this turn, and not left again

    async def __aenter__(self) -> None:
        if self._free and not self._line and self._fresh < FEW:
            self._enter()
            return
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

    def _enter(self) -> None:
        self._free -= 1
        self._fresh += 1
        self._admit_soon()

    def _leave(self) -> None:
        self._free += 1
        self._fresh = max(self._fresh - 1, 0)
        self._admit_soon()

    def _admit_soon(self) -> None:
        if not self._admitting and (self._fresh or (self._free and self._line)):
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        """Begin a turn: let in those at the head of the line."""
        self._admitting, self._fresh = False, 0
        while self._free and self._line and self._fresh < FEW:
            turn = self._line.popleft()
            if not turn.done():
                self._enter()
                turn.set_result(None)
