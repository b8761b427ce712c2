"""Money before and after each call: the worst case is set aside, then settled to what was used."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from qe_plugins.llm.budgets import Budgets, limits
from qe_plugins.llm.client import usage_checks
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.pricing import cost
from qe_plugins.llm.pricing.price_list import PriceList
from qe_plugins.llm.providers.base import Completion, ProviderFailure
from qe_plugins.llm.requests import Request, Usage
from qe_plugins.llm.settings import ClientStats
from qe_plugins.safe_text import one_line

EVERY = 0.2
"""Seconds between two looks at what other processes leave."""

WOKEN = 2  # a call costs less than its worst case, so each that settles makes room for more


class SpendingGuard:
    """Reserves in the ledger. Where only calls in flight are in the way, it waits for them.

    `_open` counts the calls reserved here and not settled: once there are none, nothing in this
    process will make room, and whoever waits must learn it. A mere wish to reserve makes none.
    For room that other processes may make, a call waits `others` seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        scan: str,
        budgets: Budgets,
        price_list: PriceList,
        stats: ClientStats,
        *,
        others: float = 0.0,
    ) -> None:
        self._others = others
        self._ledger, self._scan, self._budgets = ledger, scan, budgets
        self._prices, self._stats = price_list, stats
        self._open = self._settled = 0
        self._dearer: dict[str, Decimal] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(
        self, key: str, request: Request, within: float, *, wait: bool = True
    ) -> tuple[int, Attempt]:
        """Return the id of a call that may be sent now, its intent committed.

        Raises OverBudget where no room is left, nor will be.
        """
        patience = self._others
        while True:
            attempt, settled = self._attempt(key, request, within), self._settled
            try:
                return await self._intend(attempt), attempt
            except OverBudget as error:
                if error.used_up or not wait:
                    raise
                await asyncio.sleep(0)  # let those be counted whom the same transaction admitted
                if settled != self._settled:
                    continue
                if self._open:
                    await self._room()
                elif patience > 0:
                    patience -= EVERY
                    await asyncio.sleep(EVERY)
                else:
                    raise

    def settle(
        self, number: int, attempt: Attempt, status: str, usd: Decimal, usage: Usage
    ) -> asyncio.Future[None]:
        """Give back what a call did not cost."""
        stats = self._stats
        self._let_go(attempt)
        stats.usd += usd
        stats.usage += usage
        stats.paid += usd > 0
        self._open -= 1
        self._settled += 1
        self._wake(WOKEN if self._open else len(self._waiting))
        return self._ledger.settle(
            number, attempt, status=status, usd=usd, usage=usage, finished_ns=time.time_ns()
        )

    def charge(
        self, attempt: Attempt, ended: Completion | ProviderFailure | None
    ) -> usage_checks.CheckedCharge:
        """Return what a call costs that ends now: nothing goes by an account that is not believed.

        Where a call turns out dearer than its worst case, the next are reserved at as much.
        """
        request = attempt.request
        if self._free(request):
            known = isinstance(ended, Completion) or bool(ended and ended.usage)
            usage = ended.usage if ended and known else None
            return usage_checks.CheckedCharge(usd=Decimal(0), usage=usage or Usage())
        now = datetime.now(UTC)
        try:
            found = usage_checks.charge(self._prices, request, ended, attempt.worst, now)
        except (ArithmeticError, ValueError) as error:
            found = usage_checks.CheckedCharge(usd=attempt.worst, doubt=one_line(error))
        if found.usd > attempt.worst > 0:
            times = self._dearer.get(request.model, Decimal(1)) * found.usd / attempt.worst
            self._dearer[request.model] = times
        return found

    def cutoff(self, request: Request, model: str) -> str | None:
        """Return how far the knowledge of the model goes that answered; None where unknown."""
        if self._free(request):
            return None
        named = usage_checks.known_as(self._prices, request, model)
        return self._prices.model(named).cutoff if named else None

    async def _intend(self, attempt: Attempt) -> int:
        future = self._ledger.intend(attempt, self._limits(attempt))
        self._stats.in_flight += 1
        self._stats.reserved += attempt.worst
        try:
            number = await future
        except BaseException:
            if future.done() and not future.cancelled() and not future.exception():
                self._open += 1
                self.settle(future.result(), attempt, "unsent", Decimal(0), Usage())
            else:
                self._let_go(attempt)
            raise
        self._open += 1
        return number

    def _let_go(self, attempt: Attempt) -> None:
        self._stats.in_flight -= 1
        self._stats.reserved -= attempt.worst
        if not self._stats.in_flight:
            self._stats.reserved = Decimal(0)  # without the exponent of what was subtracted

    def _attempt(self, key: str, request: Request, within: float) -> Attempt:
        worst = Decimal(0)
        if not self._free(request):
            now, span = datetime.now(UTC), timedelta(seconds=within)
            worst = cost.worst_case(self._prices, request, now, span)
            worst *= self._dearer.get(request.model, 1)
        if self._budgets.call is not None and worst > self._budgets.call:
            raise OverBudget("call", self._budgets.call, used_up=True)
        return Attempt(
            key=key, scan=self._scan, request=request, worst=worst, started_ns=time.time_ns()
        )

    def _limits(self, attempt: Attempt) -> dict[str, Decimal]:
        return limits(self._budgets, self._scan, attempt.request.rank, attempt.started_ns)

    def _free(self, request: Request) -> bool:
        return self._prices.provider(request.provider).free

    async def _room(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self, count: int) -> None:
        while self._waiting and count > 0:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1
