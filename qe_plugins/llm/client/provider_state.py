"""State of one provider that limits its calls: concurrency, circuit breaker, halt, suspension."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Protocol

import msgspec

from qe_plugins.llm.providers.base import Completion, ProviderFailure
from qe_plugins.llm.requests import Failure

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


class CircuitBreaker:
    """Open after `failures` in a row, for `rest` seconds; then one call is let through.

    A 429 is not a failure: the provider answers.
    """

    def __init__(self, failures: int = 20, rest: float = 5.0) -> None:
        self._most, self._rest = failures, rest
        self._in_a_row = 0
        self._open_until: float | None = None
        self._trying = False
        self.why = ""

    def wait(self) -> float:
        """Return for how many seconds a call must wait; after 0 the caller must report a result."""
        if self._open_until is None:
            return 0.0
        left = self._open_until - asyncio.get_running_loop().time()
        if left > 0:
            return left
        if self._trying:
            return self._rest / 10
        self._trying = True
        return 0.0

    def answered(self) -> None:
        """Record any response of the provider."""
        self._in_a_row, self._open_until, self._trying = 0, None, False

    def failed(self, why: str = "") -> None:
        """Record a failure or a timeout. `why` is its text, of which the last is stored."""
        self.why = why
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self._most:
            self._open_until = asyncio.get_running_loop().time() + self._rest
        self._trying = False

    def abandoned(self) -> None:
        """Record a call that ended without a result from the provider."""
        self._trying = False


FEW = 3
"""Consecutive calls refused for good before the first answer."""

MANY = 20
"""The same after an answer, and for refusals that may be due to one request."""

UNREACHED, PATIENCE = 5, 2.0
"""Failed connections, and the seconds over which they failed, before the first answer."""

HINTS = {
    401: "Check {key}.",
    402: "The account has no money left: top it up, then `qe fleet resume`.",
    403: "The key may not use this model: look at its permissions.",
    404: "Check the model's name in `ranks:` and configs/prices.yaml, and `base_urls:`.",
}
LOOK = "Check the request's settings in the fleet's file."
LISTENS = "Is anything listening there? Check `base_urls:` and the network, then `qe fleet resume`."


class ProviderHalt(msgspec.Struct, frozen=True, kw_only=True):
    """Why a provider gets no more calls. A `lasting` reason needs a change by the user."""

    where: str
    message: str
    hint: str
    lasting: bool


class ProviderTrouble:
    """Watches the results of calls to one provider. `halt` is None while it is usable."""

    def __init__(self, provider: str, key: str | None) -> None:
        self.halt: ProviderHalt | None = None
        self._provider, self._key = provider, key or "its key"
        self._answered: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._unreached, self._since = 0, 0.0
        self._sleepers: set[asyncio.Event] = set()

    def note(self, model: str, ended: Completion | ProviderFailure) -> None:
        """Record the result of a call to a model."""
        if isinstance(ended, Completion) or ended.kind is Failure.REFUSED:
            self._answered.add(model)
            self._refused[model] = self._unreached = 0
        elif ended.kind is Failure.BAD_REQUEST:
            self._refusal(model, ended)
        elif ended.unreached and not self._answered:
            self._no_connection(ended)

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until the provider is halted."""
        woken = asyncio.Event()
        self._sleepers.add(woken)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            self._sleepers.discard(woken)

    def _refusal(self, model: str, ended: ProviderFailure) -> None:
        self._refused[model] += 1
        first = model not in self._answered and ended.status in HINTS
        if self._refused[model] < (FEW if first else MANY):
            return
        hint = HINTS.get(ended.status or 0, LOOK).format(key=self._key)
        self._stop(f"{model} answers no call: {ended.detail}.", hint, lasting=True)

    def _no_connection(self, ended: ProviderFailure) -> None:
        now = asyncio.get_running_loop().time()
        self._since = self._since if self._unreached else now
        self._unreached += 1
        if self._unreached >= UNREACHED and now - self._since >= PATIENCE:
            self._stop(f"cannot be reached: {ended.detail.rstrip('.')}.", LISTENS, lasting=False)

    def _stop(self, message: str, hint: str, *, lasting: bool) -> None:
        if self.halt is None:
            where = f"provider {self._provider}"
            self.halt = ProviderHalt(where=where, message=message, hint=hint, lasting=lasting)
            for woken in self._sleepers:
                woken.set()


EVERY = 0.25
"""Seconds between two checks of the clock while calls are in flight."""

GAP = 1.0
"""Seconds by which a check may be late without a suspension."""

GRACE = 1.0
"""Seconds after a suspension in which sockets are read before any call is late."""


class PendingSockets(Protocol):
    """A call in flight."""

    def wake(self, seconds: float) -> None:
        """Extend the timeout by the seconds in which nothing could be read."""


class SuspensionWatch:
    """Extends the timeouts of calls in flight by the time that the process was suspended."""

    def __init__(self) -> None:
        self._in_flight: set[PendingSockets] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._woken_at = float("-inf")

    def begin(self, call: PendingSockets) -> None:
        """Start watching a call."""
        self._in_flight.add(call)
        if self._timer is None:
            self._schedule_check()

    def end(self, call: PendingSockets) -> None:
        """Stop watching a call."""
        self._in_flight.discard(call)

    def grace(self) -> float:
        """Return for how many seconds no call is late; 0 except just after a suspension."""
        return max(self._woken_at + GRACE - asyncio.get_running_loop().time(), 0.0)

    def _schedule_check(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due := loop.time() + EVERY, self._check, due)

    def _check(self, due: float) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        if now - due > GAP:
            self._woken_at = now
            for call in self._in_flight:
                call.wake(now - due + GRACE)
        if self._in_flight:
            self._schedule_check()
