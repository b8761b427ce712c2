"""Limit the calls in flight at a provider: raise it while it answers, lower it when it refuses."""

from __future__ import annotations

import asyncio
from collections import deque

SIGNAL = 0.05
"""Share of recent calls turned away above which the load is the cause."""

RECENT = 20
"""Minimum number of calls over which the share is taken."""

SHRINK = 0.5

LONGEST = 8.0
"""Maximum pause while a provider keeps failing, in seconds."""

FIRST, DOUBLING = 20, 0.1
"""Calls in flight until the first answer, and the seconds after which this number doubles.

Where the key is wrong or the account is empty, a few calls are enough to find out.
"""


class ConcurrencyLimit:
    """A limit on calls in flight, at most `ceiling`: additive increase, multiplicative decrease.

    A round trip without a failure adds a twentieth of the ceiling; calls turned away halve it, once
    a `pause`, during which no slot is given out.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling, self.limit = ceiling, float(ceiling)
        self.in_flight = 0
        self._step = max(1.0, ceiling / 20)
        self._outcomes = self._turned_away = 0
        self._closed_until = 0.0
        self._pauses = 0
        self._unanswered_since: float | None = None  # loop time of the first calls
        self._has_answered = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Wait for a slot, in order of arrival. The caller must `release` it."""
        if self._waiting or not self.try_acquire():
            await self._queued_slot()

    def try_acquire(self) -> bool:
        """Acquire a slot without waiting; return whether there was one."""
        if self.in_flight >= int(self.limit) or self._closed_for() > 0:
            return False
        if not self._has_answered and self.in_flight >= FIRST and self._first_calls_suffice():
            return False
        self.in_flight += 1
        return True

    def release(self) -> None:
        """Release a slot to the next waiter."""
        self.in_flight -= 1
        self._admit()

    def _first_calls_suffice(self) -> bool:
        """Return whether the calls in flight suffice while none of them has been answered."""
        loop = asyncio.get_running_loop()
        if self._unanswered_since is None:
            self._unanswered_since = loop.time()
            loop.call_later(DOUBLING, self._readmit)
        doublings = min(int((loop.time() - self._unanswered_since) / DOUBLING), 20)
        return self.in_flight >= FIRST << doublings

    def _readmit(self) -> None:
        self._admit()
        if not self._has_answered and self.in_flight < self.ceiling:
            asyncio.get_running_loop().call_later(DOUBLING, self._readmit)

    def answered(self) -> None:
        """Record a call that the provider accepted."""
        self._has_answered = True
        self._outcomes += 1
        if self._outcomes >= RECENT and self._turned_away <= SIGNAL * self._outcomes:
            self._pauses = 0
        if self._outcomes > 10 * RECENT:
            self._outcomes, self._turned_away = self._outcomes // 2, self._turned_away // 2
        self.limit = min(self.ceiling, self.limit + self._step / self.limit)
        self._admit()

    def turned_away(self, pause: float, *, failing: bool = False) -> None:
        """Record a 429 or a 5xx; where they are many, halve the limit and stop for `pause` seconds.

        While the provider is `failing`, each pause is twice as long as the one before, because a
        part of the calls sent during an outage is retried.
        """
        self._has_answered = True
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

    async def _queued_slot(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release()
            raise

    def _admit(self) -> None:
        while self._waiting and self.try_acquire():
            future = self._waiting.popleft()
            if future.done():
                self.in_flight -= 1
            else:
                future.set_result(None)
