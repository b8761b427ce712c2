"""The one way to ask a model: recording, budget, ledger, provider, in this order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from qe_plugins.errors import ModelError, ReplayMiss
from qe_plugins.llm.budgets import NONE, Budgets
from qe_plugins.llm.client.attempt import ProviderChannel
from qe_plugins.llm.client.concurrency import ConcurrencyLimit
from qe_plugins.llm.client.dead_provider import ProviderHalt, ProviderTrouble
from qe_plugins.llm.client.pending import PendingRequest
from qe_plugins.llm.client.retry import RetryPolicy
from qe_plugins.llm.client.spending import SpendingGuard
from qe_plugins.llm.client.suspension import SuspensionWatch
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import PriceList, price_list
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.requests import REJECTED, Answer, Failure, Request, request_key
from qe_plugins.llm.settings import ClientSettings, ClientStats


async def ended(
    task: asyncio.Task[Any], deadline: float | None, grace: Callable[[], float] = lambda: 0.0
) -> bool:
    """Return whether a task has ended by `deadline`, a time of the loop's clock; None waits on.

    `grace` is asked at the deadline for how many seconds more there are.

    As `asyncio.wait` does for several tasks, which for one takes three times as long.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer: asyncio.TimerHandle | None = None

    def late() -> None:
        nonlocal timer
        more = grace()
        timer = loop.call_later(more, wake) if more else None
        if timer is None:
            wake()

    if deadline is not None:
        timer = loop.call_at(deadline, late)
    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()
    return task.done()


__all__ = ["Client", "ClientSettings", "ClientStats"]


class Client:
    """Asks models for one scan. An async context manager; one event loop, any number of tasks.

    `providers` are closed with it; a `ledger` that it was given is not.
    """

    def __init__(
        self,
        scan: str,
        providers: Mapping[str, Provider],
        *,
        budgets: Budgets = NONE,
        settings: ClientSettings | None = None,
        prices: PriceList | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.scan, self.stats = scan, ClientStats()
        self.settings = settings or ClientSettings()
        self.ledger, self._own_ledger = ledger or Ledger(), ledger is None
        self._providers, self._prices = dict(providers), prices or price_list()
        self._till = SpendingGuard(
            self.ledger, scan, budgets, self._prices, self.stats, others=self.settings.others
        )
        self._awake, self._troubles = SuspensionWatch(), dict[str, ProviderTrouble]()
        self._askers = {name: self._asker(name) for name in self._providers}
        self._running: dict[str, tuple[PendingRequest, asyncio.Task[Answer]]] = {}
        self._records: dict[str, Answer] | None = None

    async def ask(
        self, request: Request, answer_type: Any, *, deadline: float | None = None
    ) -> Answer:
        """Return what came of a request; a failure is a result too, and is not raised.

        The answer has been decoded as `answer_type` once, so `Answer.typed` succeeds. `deadline`
        is a time of the loop's clock, after which the failure is `late`: a call not sent by then
        is never sent, and an answer to one that was is kept for other scans. Who asks the same
        while it is asked shares its answer. Raises ReplayMiss in a replay, ModelError for an
        unknown provider or model, JournalError where the ledger cannot be written.
        """
        if request.provider not in self._askers:
            hint = f"Opened: {', '.join(self._askers) or 'none'}."
            raise ModelError("is not open here.", where=f"provider {request.provider}", hint=hint)
        self.stats.asked += 1
        key = request_key(request)
        if self.settings.replay:
            return self._recorded(key, request)
        if key not in self._running:
            self._running[key] = self._started(key, request, answer_type)
        ask, task = self._running[key]
        ask.askers += 1
        try:
            done = await ended(task, deadline, self._awake.grace)
        except asyncio.CancelledError:
            self._leave(ask, task)
            raise
        if not done and ask.settled is None:
            self._leave(ask, task)
            return await self._late(ask)
        ask.askers -= 1
        return await task

    @property
    def halt(self) -> ProviderHalt | None:
        """Return why one of the providers gets no more calls, None where none is so."""
        return next((one.halt for one in self._troubles.values() if one.halt is not None), None)

    def grace(self) -> float:
        """Return for how many seconds nothing is to be judged late; 0 but just after waking."""
        return self._awake.grace()

    async def drain(self) -> None:
        """Wait for the calls in flight whose askers have left, so that none is paid for in vain.

        None of them is tried again, so it takes no longer than a call may take.
        """
        await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)

    async def aclose(self) -> None:
        """Break off what is still in flight, then close the providers and the ledger."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for provider in self._providers.values():
            await provider.aclose()
        self.ledger.flush()
        if self._own_ledger:
            self.ledger.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _asker(self, name: str) -> RetryPolicy:
        gate = ConcurrencyLimit(
            min(self.settings.concurrency, self._prices.provider(name).concurrency)
        )
        trouble = self._troubles[name] = ProviderTrouble(name, self._prices.provider(name).key)
        line = ProviderChannel(
            self._providers[name],
            gate,
            self._till,
            self.ledger,
            self.settings,
            self.stats,
            trouble,
            self._awake,
        )
        return RetryPolicy(line, self.settings, self.stats)

    def _started(
        self, key: str, request: Request, answer_type: Any
    ) -> tuple[PendingRequest, asyncio.Task[Answer]]:
        ask = PendingRequest(
            key=key,
            request=request,
            answer_type=answer_type,
            scan=self.scan,
            cutoff=self._cutoff(request),
            started_ns=time.time_ns(),
        )
        task = asyncio.create_task(self._settled(ask))
        task.add_done_callback(lambda done: self._ended(key, done))
        return ask, task

    def _ended(self, key: str, task: asyncio.Task[Answer]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen: its askers may have left

    def _recorded(self, key: str, request: Request) -> Answer:
        """Return what the scan went by. Raises ReplayMiss where it went by nothing."""
        if self._records is None:
            self._records = self.ledger.records(self.scan)
        found = self._records.get(key)
        if found is None:
            raise ReplayMiss(
                "was never answered in this scan.",
                where=f"scan {self.scan}, {request.node or 'request'} {key[:12]}",
                hint="Replay with the configuration and the data of the scan.",
            )
        self.stats.replayed += 1
        return found

    async def _settled(self, ask: PendingRequest) -> Answer:
        oldest = ask.started_ns - int(ask.request.valid_for * 1e9)
        found = await self.ledger.look_up(self.scan, ask.key, oldest)
        if found is not None:
            self.stats.replayed += 1
            return found
        settled = await self._askers[ask.request.provider].settle(ask)
        self.stats.answered += settled.failure is None
        self.stats.failed += settled.failure is not None
        if settled.failure is not None and settled.failure not in REJECTED:
            await self.ledger.conclude(None if ask.given_up else self.scan, settled)
        return settled

    def _leave(self, ask: PendingRequest, task: asyncio.Task[Answer]) -> None:
        """Give an ask up when its last asker has left: what is in flight goes on as it is.

        Whatever else it waits for, a pause, a place, money, it waits for no longer.
        """
        ask.askers -= 1
        if ask.askers:
            return
        ask.given_up = True
        if not ask.in_flight:
            task.cancel()

    async def _late(self, ask: PendingRequest) -> Answer:
        """Let the scan go by a failure, while the call goes on for the sake of other scans."""
        self.stats.late += 1
        late = Answer(
            key=ask.key,
            provider=ask.request.provider,
            model=ask.request.model,
            failure=Failure.LATE,
            detail="no answer by the deadline",
            cutoff=ask.cutoff,
            started_ns=ask.started_ns,
            finished_ns=time.time_ns(),
        )
        await self.ledger.conclude(self.scan, late)
        return late

    def _cutoff(self, request: Request) -> str | None:
        if self._prices.provider(request.provider).free:
            return None
        return self._prices.model(request.model).cutoff
