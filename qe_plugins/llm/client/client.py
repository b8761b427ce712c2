"""The one way to call a model: look up the ledger, reserve the budget, call the provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from qe_plugins.errors import ModelError, ReplayMiss
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.llm.client.attempt import PendingRequest, ProviderChannel
from qe_plugins.llm.client.provider_state import (
    ConcurrencyLimit,
    ProviderHalt,
    ProviderTrouble,
    SuspensionWatch,
)
from qe_plugins.llm.client.retry import RetryPolicy
from qe_plugins.llm.client.spending import SpendingGuard
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.pricing.price_list import PriceList, price_list
from qe_plugins.llm.providers.base import Provider
from qe_plugins.llm.requests import REJECTED, Answer, Failure, Request, request_key
from qe_plugins.llm.settings import NONE, Budgets, ClientSettings, ClientStats


async def ended(
    task: asyncio.Task[Any], deadline: float | None, grace: Callable[[], float] = lambda: 0.0
) -> bool:
    """Return whether a task has ended by `deadline`, a time of the loop's clock; None waits for it.

    `grace` is called at the deadline and returns by how many seconds it is extended. The same as
    `asyncio.wait`, which takes three times as long for one task.
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
    """Calls models for one scan. An async context manager for one event loop and many tasks.

    It closes its `providers`, but not a `ledger` that it was given. While the `latch` is set, by
    default that of the state folder, it makes no call.
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
        latch: HaltLatch | None = None,
    ) -> None:
        self.latch = latch or HaltLatch.at_home()
        self.scan, self.stats = scan, ClientStats()
        self.settings = settings or ClientSettings()
        self.ledger, self._own_ledger = ledger or Ledger(), ledger is None
        self._providers, self._prices = dict(providers), prices or price_list()
        self._spending = SpendingGuard(
            self.ledger, scan, budgets, self._prices, self.stats, others=self.settings.others
        )
        self._suspension, self._troubles = SuspensionWatch(), dict[str, ProviderTrouble]()
        self._policies = {name: self._retry_policy(name) for name in self._providers}
        self._running: dict[str, tuple[PendingRequest, asyncio.Task[Answer]]] = {}
        self._records: dict[str, Answer] | None = None

    async def ask(
        self, request: Request, answer_type: Any, *, deadline: float | None = None
    ) -> Answer:
        """Return the answer to a request; a failure is returned too, not raised.

        The answer has been decoded as `answer_type` once, so `Answer.typed` succeeds. `deadline`
        is a time of the loop's clock, after which the failure is `late`: a call not sent by then
        is never sent, and an answer to one that was is stored for other scans. Equal requests in
        progress share one answer. Raises ReplayMiss in a replay, ModelError for an unknown provider
        or model, JournalError where the ledger cannot be written, and Halted before a call
        while trading is halted.
        """
        if request.provider not in self._policies:
            hint = f"Opened: {', '.join(self._policies) or 'none'}."
            raise ModelError("is not open here.", where=f"provider {request.provider}", hint=hint)
        self.stats.asked += 1
        key = request_key(request)
        if self.settings.replay:
            return self._replayed(key, request)
        if key not in self._running:
            self._running[key] = self._start(key, request, answer_type)
        ask, task = self._running[key]
        ask.waiters += 1
        try:
            done = await ended(task, deadline, self._suspension.grace)
        except asyncio.CancelledError:
            self._abandon(ask, task)
            raise
        if not done and ask.settled is None:
            self._abandon(ask, task)
            return await self._late(ask)
        ask.waiters -= 1
        return await task

    @property
    def halt(self) -> ProviderHalt | None:
        """Return why one of the providers gets no more calls, None while all do."""
        return next((one.halt for one in self._troubles.values() if one.halt is not None), None)

    def grace(self) -> float:
        """Return for how many seconds no call is late; 0 except just after a suspension."""
        return self._suspension.grace()

    async def drain(self) -> None:
        """Wait for the calls in flight without waiters, so that their answers are stored.

        None of them is retried, so it takes no longer than a call's timeout.
        """
        await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)

    async def aclose(self) -> None:
        """Cancel the calls in flight, then close the providers and the ledger."""
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

    def _retry_policy(self, name: str) -> RetryPolicy:
        concurrency = ConcurrencyLimit(
            min(self.settings.concurrency, self._prices.provider(name).concurrency)
        )
        trouble = self._troubles[name] = ProviderTrouble(name, self._prices.provider(name).key)
        channel = ProviderChannel(
            self._providers[name],
            concurrency,
            self._spending,
            self.ledger,
            self.settings,
            self.stats,
            trouble,
            self._suspension,
            self.latch,
        )
        return RetryPolicy(channel, self.settings, self.stats)

    def _start(
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
        task = asyncio.create_task(self._settle(ask))
        task.add_done_callback(lambda done: self._on_done(key, done))
        return ask, task

    def _on_done(self, key: str, task: asyncio.Task[Answer]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # retrieved: its waiters may have left

    def _replayed(self, key: str, request: Request) -> Answer:
        """Return the answer that the scan used. Raises ReplayMiss where it has none."""
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

    async def _settle(self, ask: PendingRequest) -> Answer:
        oldest = ask.started_ns - int(ask.request.valid_for * 1e9)
        found = await self.ledger.look_up(self.scan, ask.key, oldest)
        if found is not None:
            self.stats.replayed += 1
            return found
        settled = await self._policies[ask.request.provider].settle(ask)
        self.stats.answered += settled.failure is None
        self.stats.failed += settled.failure is not None
        if settled.failure is not None and settled.failure not in REJECTED:
            await self.ledger.conclude(None if ask.abandoned else self.scan, settled)
        return settled

    def _abandon(self, ask: PendingRequest, task: asyncio.Task[Answer]) -> None:
        """Abandon a request when its last waiter has left.

        A call in flight goes on; a request that waits for a retry, a slot or budget is cancelled.
        """
        ask.waiters -= 1
        if ask.waiters:
            return
        ask.abandoned = True
        if not ask.in_flight:
            task.cancel()

    async def _late(self, ask: PendingRequest) -> Answer:
        """Return and record `late` for this scan, while the call goes on for later scans."""
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
