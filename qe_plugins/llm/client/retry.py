"""One request until it is settled: retries, one repair, a second call beside one that lags."""

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
    """Settles the asks of one provider."""

    def __init__(self, line: ProviderChannel, settings: ClientSettings, stats: ClientStats) -> None:
        self._line, self._settings, self._stats = line, settings, stats
        self._calls = Hedger(line, settings, stats) if settings.hedge_share else line

    async def settle(self, ask: PendingRequest) -> Answer:
        """Return what came of an ask; a passing failure is left for the caller to conclude."""
        outcome = await self._tried(ask, "", last=False)
        if outcome.failure in REPAIRABLE and not ask.given_up:
            self._stats.retried += 1
            outcome = await self._tried(ask, outcome.detail, last=True)
        if ask.settled is not None:
            return ask.settled
        return ask.settle(ask.request.model, failure=outcome.failure, detail=outcome.detail)

    async def _tried(self, ask: PendingRequest, feedback: str, *, last: bool) -> CallResult:
        """Call until there is an outcome that calling again would not better."""
        turned_away, doubtful = self._settings.retries, 1
        while True:
            outcome = await self._called(ask, feedback, last=last)
            if ask.given_up or self._line.trouble.halt is not None:
                return outcome
            if outcome.failure in TURNED_AWAY and turned_away:
                turned_away -= 1
                nth = self._settings.retries - turned_away
            elif outcome.failure in DOUBTFUL and doubtful:
                doubtful -= 1
                nth = 1
            else:
                return outcome
            await self._line.trouble.pause(self._pause(outcome, nth))
            self._stats.retried += 1

    def _pause(self, outcome: CallResult, nth: int) -> float:
        wanted = self._settings.backoff * 2.0 ** (nth - 1)
        return max(wanted, outcome.retry_after or 0.0) * (1 + random.random() / 4)

    async def _called(self, ask: PendingRequest, feedback: str, *, last: bool) -> CallResult:
        """Return the outcome of one call, or of a second one where that answers first."""
        if shut := await self._line.enter():
            return shut
        return await self._calls.call(ask, feedback, last=last)
