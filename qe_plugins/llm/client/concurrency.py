"""How many calls a provider gets at once: more while it answers, fewer when it says too many."""

from __future__ import annotations

import asyncio
from collections import deque

SIGNAL = 0.05
"""The part of recent calls turned away above which it is the load, and not bad luck."""

RECENT = 20
"""Calls that the part is counted over, at least."""

SHRINK = 0.5

LONGEST = 8.0
"""Seconds that a pause grows to while a provider goes on failing."""

FIRST, DOUBLING = 20, 0.1
"""Calls that go ahead of all others; until one has been answered, there may be twice as many every
so many seconds. Where the key is wrong, or the account empty, a few are enough to learn it."""


class ConcurrencyLimit:
    """A limit on calls in flight, at most `ceiling`: additive increase, multiplicative decrease.

    A round trip without trouble adds a twentieth of the ceiling; calls turned away take half, once
    for each `pause`, during which nobody enters.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling, self.limit = ceiling, float(ceiling)
        self.in_flight = 0
        self._step = max(1.0, ceiling / 20)
        self._outcomes = self._turned_away = 0
        self._closed_until = 0.0
        self._pauses = 0
        self._blind: float | None = None  # since when the first calls wait for their answers
        self._seen = False  # whether one has come
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a place, behind those who came before. Whoever entered must `leave`."""
        if self._waiting or not self.try_enter():
            await self._handed_a_place()

    def try_enter(self) -> bool:
        """Take a place if there is one."""
        if self.in_flight >= int(self.limit) or self._closed_for() > 0:
            return False
        if not self._seen and self.in_flight >= FIRST and self._first_go_ahead():
            return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """Give the place to the next."""
        self.in_flight -= 1
        self._admit()

    def _first_go_ahead(self) -> bool:
        """Say whether those in flight are enough, as long as none of them has been answered."""
        loop = asyncio.get_running_loop()
        if self._blind is None:
            self._blind = loop.time()
            loop.call_later(DOUBLING, self._look_again)
        doublings = min(int((loop.time() - self._blind) / DOUBLING), 20)
        return self.in_flight >= FIRST << doublings

    def _look_again(self) -> None:
        self._admit()
        if not self._seen and self.in_flight < self.ceiling:
            asyncio.get_running_loop().call_later(DOUBLING, self._look_again)

    def answered(self) -> None:
        """Note that the provider took a call."""
        self._seen = True
        self._outcomes += 1
        if self._outcomes >= RECENT and self._turned_away <= SIGNAL * self._outcomes:
            self._pauses = 0
        if self._outcomes > 10 * RECENT:
            self._outcomes, self._turned_away = self._outcomes // 2, self._turned_away // 2
        self.limit = min(self.ceiling, self.limit + self._step / self.limit)
        self._admit()

    def turned_away(self, pause: float, *, failing: bool = False) -> None:
        """Note a 429 or a 5xx; where they are many, halve the limit and let none in for `pause`.

        While the provider goes on `failing`, each pause is twice as long as the one before: of what
        is sent into an outage, a part is sent again.
        """
        self._seen = True
        self._outcomes += 1
        self._turned_away += 1
        share = self._turned_away / max(self._outcomes, RECENT)
        if share > SIGNAL and self._closed_for() <= 0:
            self.limit = max(1.0, self.limit * SHRINK)
            self._outcomes = self._turned_away = 0
            if failing:
                pause = min(pause * 2.0**self._pauses, max(pause, LONGEST))
                self._pauses += 1
            self._close(pause)

    def _close(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        self._closed_until = loop.time() + pause
        loop.call_later(pause + 0.001, self._admit)

    def _closed_for(self) -> float:
        return self._closed_until - asyncio.get_running_loop().time() if self._closed_until else 0.0

    async def _handed_a_place(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave()
            raise

    def _admit(self) -> None:
        while self._waiting and self.try_enter():
            future = self._waiting.popleft()
            if future.done():
                self.in_flight -= 1
            else:
                future.set_result(None)
