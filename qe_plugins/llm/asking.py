"""One request until it is settled: retries, one repair, a second call beside one that lags."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import deque

from qe_plugins.llm.calling import Ask, Line, Outcome
from qe_plugins.llm.records import Failure, Settled
from qe_plugins.llm.settings import Settings, Stats

TURNED_AWAY = (Failure.RATE_LIMITED, Failure.SERVER)
DOUBTFUL = (Failure.TIMEOUT, Failure.CUT)
REPAIRABLE = (Failure.BLANK, Failure.INVALID)
ENOUGH = 20  # latencies that make a median


class Asker:
    """Settles the asks of one provider."""

    def __init__(self, line: Line, settings: Settings, stats: Stats) -> None:
        self._line, self._settings, self._stats = line, settings, stats
        self._latencies: deque[float] = deque(maxlen=101)
        self._median: float | None = None

    async def settle(self, ask: Ask) -> Settled:
        """Return what came of an ask; a passing failure is left for the caller to conclude."""
        outcome = await self._tried(ask, "", last=False)
        if outcome.failure in REPAIRABLE and ask.settled is None:
            self._stats.retried += 1
            outcome = await self._tried(ask, outcome.detail, last=True)
        if ask.settled is not None:
            return ask.settled
        return ask.settle(ask.request.model, failure=outcome.failure, detail=outcome.detail)

    async def _tried(self, ask: Ask, feedback: str, *, last: bool) -> Outcome:
        """Call until there is an outcome that calling again would not better."""
        turned_away, doubtful = self._settings.retries, 1
        while True:
            outcome = await self._hedged(ask, feedback, last=last)
            if outcome.failure in TURNED_AWAY and turned_away:
                turned_away -= 1
                await asyncio.sleep(self._pause(outcome, self._settings.retries - turned_away))
            elif outcome.failure in DOUBTFUL and doubtful:
                doubtful -= 1
            else:
                return outcome
            self._stats.retried += 1

    def _pause(self, outcome: Outcome, nth: int) -> float:
        wanted = self._settings.backoff * 2.0 ** (nth - 1)
        return max(wanted, outcome.retry_after or 0.0) * (1 + random.random() / 4)

    async def _hedged(self, ask: Ask, feedback: str, *, last: bool) -> Outcome:
        """Return the outcome of a call, or of a second one where that answers first."""
        started, patience = asyncio.get_running_loop().time(), self._patience()
        if patience is None:
            outcome = await self._line.call(ask, feedback, last=last)
        else:
            outcome = await self._raced(ask, feedback, patience, last=last)
        if outcome.failure is None:
            self._note(asyncio.get_running_loop().time() - started)
        return outcome

    async def _raced(self, ask: Ask, feedback: str, patience: float, *, last: bool) -> Outcome:
        first = asyncio.create_task(self._line.call(ask, feedback, last=last))
        racing = {first}
        try:
            done, _ = await asyncio.wait(racing, timeout=patience)
            if not done and self._may_hedge():
                self._stats.hedged += 1
                spare = self._line.call(ask, feedback, last=last, spare=True)
                racing.add(asyncio.create_task(spare))
            return await _first_answer(racing, first)
        finally:
            for task in racing:
                task.cancel()

    def _may_hedge(self) -> bool:
        return self._stats.hedged < self._settings.hedge_share * self._stats.sent

    def _patience(self) -> float | None:
        """Return after how many seconds a call lags; None while nobody knows."""
        if self._median is None or not self._settings.hedge_share:
            return None
        return max(self._settings.hedge_least, self._settings.hedge_after * self._median)

    def _note(self, seconds: float) -> None:
        self._latencies.append(seconds)
        if len(self._latencies) >= ENOUGH:
            self._median = statistics.median(self._latencies)


async def _first_answer(
    racing: set[asyncio.Task[Outcome]], first: asyncio.Task[Outcome]
) -> Outcome:
    """Return the first answer there is; without any, what the first call came to."""
    pending = set(racing)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.result().failure is None:
                return task.result()
    return first.result()
