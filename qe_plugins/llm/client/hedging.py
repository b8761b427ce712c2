"""A second call beside one that lags: whichever answers first counts, and the other is let go."""

from __future__ import annotations

import asyncio
import statistics
from collections import deque

from qe_plugins.llm.client.attempt import ProviderChannel
from qe_plugins.llm.client.pending import CallResult, PendingRequest
from qe_plugins.llm.settings import ClientSettings, ClientStats

ENOUGH = 20  # latencies that make a median
LOOKS = 8  # at the calls in flight, within the least time after which one lags


class Hedger:
    """Watches the calls to one provider, all of them by one timer."""

    def __init__(self, line: ProviderChannel, settings: ClientSettings, stats: ClientStats) -> None:
        self._line, self._settings, self._stats = line, settings, stats
        self._watched: dict[PendingRequest, tuple[str, bool]] = {}
        self._spares: dict[PendingRequest, asyncio.Task[CallResult]] = {}
        self._latencies: deque[float] = deque(maxlen=101)
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, ask: PendingRequest, feedback: str, *, last: bool) -> CallResult:
        """Return the outcome of a call, or of the second one where that answers first.

        Whoever calls has entered the provider's line.
        """
        self._watch(ask, feedback, last=last)
        try:
            outcome = await self._line.call(ask, feedback, last=last)
        except BaseException:
            await self._let_go(ask)
            raise
        if ask not in self._spares:
            del self._watched[ask]
            self._note(ask, outcome)
            return outcome
        if outcome.failure is None:
            await self._let_go(ask)
            return outcome
        return await self._second(ask, outcome)

    async def _second(self, ask: PendingRequest, first: CallResult) -> CallResult:
        """Return the outcome of the second call, or the first one's where that is no better."""
        try:
            outcome = await self._spares[ask]
        finally:
            await self._let_go(ask)
        return outcome if outcome.failure is None else first

    async def _let_go(self, ask: PendingRequest) -> None:
        """Stop watching an ask, and break off its second call."""
        self._watched.pop(ask, None)
        spare = self._spares.pop(ask, None)
        if spare is not None and spare.cancel():
            await asyncio.wait({spare})

    def _watch(self, ask: PendingRequest, feedback: str, *, last: bool) -> None:
        ask.sent_at = None
        self._watched[ask] = feedback, last
        if self._timer is None:
            self._look_later()

    def _look_later(self) -> None:
        pause = self._settings.hedge_least / LOOKS
        self._timer = asyncio.get_running_loop().call_later(pause, self._look)

    def _look(self) -> None:
        """Send a second call beside each that lags, while there are places and money for it."""
        self._timer = None
        if not self._watched:
            return
        self._look_later()
        if len(self._latencies) < ENOUGH:
            return
        usual = self._settings.hedge_after * statistics.median(self._latencies)
        patience = max(self._settings.hedge_least, usual)
        since = asyncio.get_running_loop().time() - patience
        for ask in [one for one in self._watched if _lags(one, since)]:
            if ask in self._spares or ask.given_up:
                continue
            if not self._may_hedge() or not self._line.try_enter():
                return
            self._stats.hedged += 1
            self._spares[ask] = self._started(ask)

    def _may_hedge(self) -> bool:
        return self._stats.hedged < self._settings.hedge_share * self._stats.sent

    def _started(self, ask: PendingRequest) -> asyncio.Task[CallResult]:
        """Begin a second call at once, so that whatever becomes of it, it gives its place back."""
        feedback, last = self._watched[ask]
        call = self._line.call(ask, feedback, last=last, spare=True)
        return asyncio.eager_task_factory(asyncio.get_running_loop(), call)

    def _note(self, ask: PendingRequest, outcome: CallResult) -> None:
        """Learn how long an answer takes, from calls that nothing was sent beside."""
        if outcome.failure is None and ask.sent_at is not None:
            self._latencies.append(asyncio.get_running_loop().time() - ask.sent_at)


def _lags(ask: PendingRequest, since: float) -> bool:
    return ask.sent_at is not None and ask.sent_at <= since
