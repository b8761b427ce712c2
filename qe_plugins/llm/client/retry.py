"""Retries of a request, one repair of its answer, and a hedged second call."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import deque

from qe_plugins.llm.client.attempt import CallResult, PendingRequest, ProviderChannel
from qe_plugins.llm.requests import Answer, Failure
from qe_plugins.llm.settings import ClientSettings, ClientStats

ENOUGH = 20  # latencies required for a median
CHECKS = 8  # of the calls in flight, within the minimum time after which one is slow


class Hedger:
    """Watches the calls to one provider with one timer."""

    def __init__(
        self, channel: ProviderChannel, settings: ClientSettings, stats: ClientStats
    ) -> None:
        self._channel, self._settings, self._stats = channel, settings, stats
        self._watched: dict[PendingRequest, tuple[str, bool]] = {}
        self._spares: dict[PendingRequest, asyncio.Task[CallResult]] = {}
        self._latencies: deque[float] = deque(maxlen=101)
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, pending: PendingRequest, feedback: str, *, last: bool) -> CallResult:
        """Return the result of a call, or of the second one where that answers first.

        The caller has acquired a slot of the channel.
        """
        self._watch(pending, feedback, last=last)
        try:
            outcome = await self._channel.call(pending, feedback, last=last)
        except BaseException:
            await self._discard(pending)
            raise
        if pending not in self._spares:
            del self._watched[pending]
            self._note(pending, outcome)
            return outcome
        if outcome.failure is None:
            await self._discard(pending)
            return outcome
        return await self._hedged_result(pending, outcome)

    async def _hedged_result(self, pending: PendingRequest, first: CallResult) -> CallResult:
        """Return the result of the second call if it is an answer, else that of the first."""
        try:
            outcome = await self._spares[pending]
        finally:
            await self._discard(pending)
        return outcome if outcome.failure is None else first

    async def _discard(self, pending: PendingRequest) -> None:
        """Stop watching a request, and cancel its second call."""
        self._watched.pop(pending, None)
        spare = self._spares.pop(pending, None)
        if spare is not None and spare.cancel():
            await asyncio.wait({spare})

    def _watch(self, pending: PendingRequest, feedback: str, *, last: bool) -> None:
        pending.sent_at = None
        self._watched[pending] = feedback, last
        if self._timer is None:
            self._schedule_check()

    def _schedule_check(self) -> None:
        pause = self._settings.hedge_least / CHECKS
        self._timer = asyncio.get_running_loop().call_later(pause, self._check)

    def _check(self) -> None:
        """Send a second call beside each slow one, while there are slots and budget for it."""
        self._timer = None
        if not self._watched:
            return
        self._schedule_check()
        if len(self._latencies) < ENOUGH:
            return
        usual = self._settings.hedge_after * statistics.median(self._latencies)
        patience = max(self._settings.hedge_least, usual)
        since = asyncio.get_running_loop().time() - patience
        for pending in [one for one in self._watched if _lags(one, since)]:
            if pending in self._spares or pending.abandoned:
                continue
            if not self._may_hedge() or not self._channel.try_acquire():
                return
            self._stats.hedged += 1
            self._spares[pending] = self._start(pending)

    def _may_hedge(self) -> bool:
        return self._stats.hedged < self._settings.hedge_share * self._stats.sent

    def _start(self, pending: PendingRequest) -> asyncio.Task[CallResult]:
        """Start a second call at once, so that it releases its slot after any result."""
        feedback, last = self._watched[pending]
        call = self._channel.call(pending, feedback, last=last, spare=True)
        return asyncio.eager_task_factory(asyncio.get_running_loop(), call)

    def _note(self, pending: PendingRequest, outcome: CallResult) -> None:
        """Record the latency of an answer to a call without a second one."""
        if outcome.failure is None and pending.sent_at is not None:
            self._latencies.append(asyncio.get_running_loop().time() - pending.sent_at)


def _lags(pending: PendingRequest, since: float) -> bool:
    return pending.sent_at is not None and pending.sent_at <= since


TURNED_AWAY = (Failure.RATE_LIMITED, Failure.SERVER)
DOUBTFUL = (Failure.TIMEOUT, Failure.CUT)
REPAIRABLE = (Failure.BLANK, Failure.INVALID)


class RetryPolicy:
    """Calls one provider until a request has its answer or fails for good."""

    def __init__(
        self, channel: ProviderChannel, settings: ClientSettings, stats: ClientStats
    ) -> None:
        self._channel, self._settings, self._stats = channel, settings, stats
        self._calls = Hedger(channel, settings, stats) if settings.hedge_share else channel

    async def settle(self, pending: PendingRequest) -> Answer:
        """Return the answer to a request; the caller concludes a transient failure."""
        outcome = await self._call_with_retries(pending, "", last=False)
        if outcome.failure in REPAIRABLE and not pending.abandoned:
            self._stats.retried += 1
            outcome = await self._call_with_retries(pending, outcome.detail, last=True)
        if pending.settled is not None:
            return pending.settled
        return pending.settle(pending.request.model, failure=outcome.failure, detail=outcome.detail)

    async def _call_with_retries(
        self, pending: PendingRequest, feedback: str, *, last: bool
    ) -> CallResult:
        """Call until a retry would not improve the result, and return it."""
        turned_away, doubtful = self._settings.retries, 1
        while True:
            outcome = await self._call_once(pending, feedback, last=last)
            if pending.abandoned or self._channel.trouble.halt is not None:
                return outcome
            if outcome.failure in TURNED_AWAY and turned_away:
                turned_away -= 1
                nth = self._settings.retries - turned_away
            elif outcome.failure in DOUBTFUL and doubtful:
                doubtful -= 1
                nth = 1
            else:
                return outcome
            await self._channel.trouble.pause(self._pause(outcome, nth))
            self._stats.retried += 1

    def _pause(self, outcome: CallResult, nth: int) -> float:
        wanted = self._settings.backoff * 2.0 ** (nth - 1)
        return max(wanted, outcome.retry_after or 0.0) * (1 + random.random() / 4)

    async def _call_once(self, pending: PendingRequest, feedback: str, *, last: bool) -> CallResult:
        """Return the result of one call, or of a second one where that answers first."""
        if shut := await self._channel.acquire():
            return shut
        return await self._calls.call(pending, feedback, last=last)
