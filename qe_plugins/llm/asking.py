"""One request until it is settled: retries, one repair, a second call beside one that lags."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import deque
from collections.abc import Coroutine
from typing import Any

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
        if outcome.failure in REPAIRABLE and not ask.given_up:
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
            if ask.given_up:
                return outcome
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
        if shut := await self._line.enter():
            return shut
        if not self._settings.hedge_share:
            try:
                return await self._line.call(ask, feedback, last=last)
            finally:
                self._line.leave()
        ask.sent_at, attempts = None, ask.attempts
        outcome = await self._raced(ask, feedback, last=last)
        if outcome.failure is None and ask.attempts == attempts + 1 and ask.sent_at is not None:
            self._note(_now() - ask.sent_at)
        return outcome

    async def _raced(self, ask: Ask, feedback: str, *, last: bool) -> Outcome:
        first = self._leaving(self._line.call(ask, feedback, last=last))
        racing = {first}
        try:
            if await self._got_a_spare_place(first, ask):
                self._stats.hedged += 1
                spare = self._line.call(ask, feedback, last=last, spare=True)
                racing.add(self._leaving(spare))
            return await _first_answer(racing, first)
        finally:
            for task in racing:
                task.cancel()

    def _leaving(self, call: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        """Start a call that gives its place back even when it is cancelled before it begins."""
        task = asyncio.create_task(call)
        task.add_done_callback(lambda _: self._line.leave())
        return task

    async def _got_a_spare_place(self, first: asyncio.Task[Outcome], ask: Ask) -> bool:
        """Return True with a place for a second call, False once the first has ended."""
        while await self._lags(first, ask):
            if self._may_hedge(ask) and self._line.try_enter():
                return True
            await asyncio.wait({first}, timeout=self._settings.hedge_least)
        return False

    async def _lags(self, first: asyncio.Task[Outcome], ask: Ask) -> bool:
        """Return True once a call takes too long, False as soon as it has ended."""
        while not first.done():
            left = self._settings.hedge_least
            if self._median is not None and ask.sent_at is not None:
                patience = max(left, self._settings.hedge_after * self._median)
                left = ask.sent_at + patience - _now()
            if left <= 0:
                return True
            await asyncio.wait({first}, timeout=left)
        return False

    def _may_hedge(self, ask: Ask) -> bool:
        return (
            not ask.given_up and self._stats.hedged < self._settings.hedge_share * self._stats.sent
        )

    def _note(self, seconds: float) -> None:
        self._latencies.append(seconds)
        if len(self._latencies) >= ENOUGH:
            self._median = statistics.median(self._latencies)


def _now() -> float:
    return asyncio.get_running_loop().time()


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
