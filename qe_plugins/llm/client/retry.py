"""Retries of one request: calls turned away, doubtful ones, and one repair of a bad answer."""

from __future__ import annotations

import random

from qe_plugins.llm.client.attempt import ProviderChannel
from qe_plugins.llm.client.hedging import Hedger
from qe_plugins.llm.client.pending import CallResult, PendingRequest
from qe_plugins.llm.requests import Answer, Failure
from qe_plugins.llm.settings import ClientSettings, ClientStats

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
