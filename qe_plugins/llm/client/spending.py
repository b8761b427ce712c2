"""Cost of calls: reserve the worst case within budgets, check the usage, settle the charge."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from qe_plugins.errors import ModelError
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.pricing.price_list import PriceList, cost, worst_case, worst_usage
from qe_plugins.llm.providers.base import Completion, ProviderFailure
from qe_plugins.llm.requests import Request, Usage, day_of, scopes
from qe_plugins.llm.settings import Budgets, ClientStats
from qe_plugins.safe_text import one_line

LARGEST = 4_000_000
"""Maximum number of tokens of a prompt or an answer: more than any model's context window."""

REPAIR = 700
"""Bytes that a repair may add to a prompt, to say what was wrong with the first answer."""

SNAPSHOT = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{4,8}|latest)")
"""Suffix of a model's name by which a provider names the snapshot that answered."""


class CheckedCharge(msgspec.Struct, frozen=True, kw_only=True):
    """The charge of a call in USD. `doubt` is why its usage is not believed, empty where it is.

    `unknown` means that no usage was reported: the call may have cost its worst case.
    """

    usd: Decimal
    usage: Usage = Usage()
    doubt: str = ""
    unknown: bool = False

    @property
    def in_doubt(self) -> bool:
        """Return whether the amount is a worst case."""
        return self.unknown or bool(self.doubt)


def charge(
    price_list: PriceList,
    request: Request,
    ended: Completion | ProviderFailure | None,
    worst: Decimal,
    at: datetime,
) -> CheckedCharge:
    """Return the charge of a call that ended at `at`; `ended` is None for a cancelled call."""
    failed = isinstance(ended, ProviderFailure)
    if failed and not ended.usage and not ended.charged:  # type: ignore[union-attr]
        return CheckedCharge(usd=Decimal(0))
    if ended is None or ended.usage is None:
        return CheckedCharge(usd=worst, unknown=True)
    usage, model = ended.usage, request.model
    doubt = doubt_of(request, usage)
    more = 0
    if isinstance(ended, Completion):
        model, more = ended.model, ended.more
        doubt = doubt or ended.odd or _unlike_text(ended)
    named = known_as(price_list, request, model)
    if named is None:
        doubt = doubt or f"answered by {model!r}, which has no price"
    try:
        said = _stated_cost(price_list, named or request.model, usage, more, at)
    except ModelError as error:
        doubt, said = doubt or error.message, Decimal(0)
    if not doubt:
        return CheckedCharge(usd=said, usage=usage)
    plain = usage if _plausible(usage) else Usage()
    return CheckedCharge(usd=max(worst, said), usage=plain, doubt=doubt)


def doubt_of(request: Request, usage: Usage) -> str:
    """Return why a usage cannot be that of a request, empty where it can."""
    if min(usage.input, usage.cached, usage.output, usage.written) < 0:
        return "a negative count of tokens"
    if usage.input == 0:
        return "a prompt of no tokens"
    if usage.cached + usage.written > usage.input:
        return "more tokens cached than sent"
    if usage.output > request.max_tokens:
        return "more tokens of output than were asked for"
    if usage.input > worst_usage(request).input + REPAIR:
        return "more tokens of prompt than it has bytes"
    return ""


def known_as(price_list: PriceList, request: Request, model: str) -> str | None:
    """Return the price list's name of the model that answered, None where it has none."""
    if model == request.model or model in price_list.models:
        return model
    if model.startswith(request.model) and SNAPSHOT.fullmatch(model[len(request.model) :]):
        return request.model
    return None


def _unlike_text(ended: Completion) -> str:
    return "an answer of no tokens" if ended.text.strip() and ended.usage.output == 0 else ""


def _stated_cost(
    price_list: PriceList, model: str, usage: Usage, more: int, at: datetime
) -> Decimal:
    """Return the cost by the provider's own figures in USD; 0 where they are not plausible."""
    if not _plausible(usage) or not 0 <= more <= LARGEST:
        return Decimal(0)
    whole = Usage(usage.input, min(usage.cached, usage.input), usage.output + more)
    written = min(usage.written, whole.input - whole.cached)
    return cost(price_list, model, msgspec.structs.replace(whole, written=written), at)


def _plausible(usage: Usage) -> bool:
    return all(0 <= count <= LARGEST for count in msgspec.structs.astuple(usage))


EVERY = 0.2
"""Seconds between two checks of the budget that other processes release."""

WOKEN = 2  # a call costs less than its worst case, so each charge releases more than one call


class SpendingGuard:
    """Reserves costs in the ledger, and waits where only calls in flight exhaust a budget.

    `_open` counts the calls that are reserved here and not charged yet. Once it is 0, nothing in
    this process will release budget, and the waiting calls must fail. For budget that other
    processes may release, a call waits `others` seconds.
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
        self._open = self._charged = 0
        self._price_factor: dict[str, Decimal] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(
        self, key: str, request: Request, within: float, *, wait: bool = True
    ) -> tuple[int, Attempt]:
        """Return the id of a call that may be sent now, its reservation committed.

        Raises OverBudget where the budget is used up and none of it will be released.
        """
        patience = self._others
        while True:
            attempt, settled = self._attempt(key, request, within), self._charged
            try:
                return await self._intend(attempt), attempt
            except OverBudget as error:
                if error.used_up or not wait:
                    raise
                await asyncio.sleep(0)  # calls that the same transaction admitted are counted first
                if settled != self._charged:
                    continue
                if self._open:
                    await self._wait_for_room()
                elif patience > 0:
                    patience -= EVERY
                    await asyncio.sleep(EVERY)
                else:
                    raise

    def settle(
        self, number: int, attempt: Attempt, status: str, usd: Decimal, usage: Usage
    ) -> asyncio.Future[None]:
        """Record the charge of a call and release the rest of its reservation."""
        stats = self._stats
        self._discard(attempt)
        stats.usd += usd
        stats.usage += usage
        stats.paid += usd > 0
        self._open -= 1
        self._charged += 1
        self._wake(WOKEN if self._open else len(self._waiting))
        return self._ledger.settle(
            number, attempt, status=status, usd=usd, usage=usage, finished_ns=time.time_ns()
        )

    def charge(self, attempt: Attempt, ended: Completion | ProviderFailure | None) -> CheckedCharge:
        """Return the charge of a call that ends now; a usage that is not believed is in doubt.

        Where a call costs more than its worst case, later reservations are raised by that factor.
        """
        request = attempt.request
        if self._free(request):
            known = isinstance(ended, Completion) or bool(ended and ended.usage)
            usage = ended.usage if ended and known else None
            return CheckedCharge(usd=Decimal(0), usage=usage or Usage())
        now = datetime.now(UTC)
        try:
            found = charge(self._prices, request, ended, attempt.worst, now)
        except (ArithmeticError, ValueError) as error:
            found = CheckedCharge(usd=attempt.worst, doubt=one_line(error))
        if found.usd > attempt.worst > 0:
            times = self._price_factor.get(request.model, Decimal(1)) * found.usd / attempt.worst
            self._price_factor[request.model] = times
        return found

    def cutoff(self, request: Request, model: str) -> str | None:
        """Return the knowledge cutoff of the model that answered, None where it is unknown."""
        if self._free(request):
            return None
        named = known_as(self._prices, request, model)
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
                self._discard(attempt)
            raise
        self._open += 1
        return number

    def _discard(self, attempt: Attempt) -> None:
        self._stats.in_flight -= 1
        self._stats.reserved -= attempt.worst
        if not self._stats.in_flight:
            self._stats.reserved = Decimal(0)  # without the exponent of what was subtracted

    def _attempt(self, key: str, request: Request, within: float) -> Attempt:
        worst = Decimal(0)
        if not self._free(request):
            now, span = datetime.now(UTC), timedelta(seconds=within)
            worst = worst_case(self._prices, request, now, span)
            worst *= self._price_factor.get(request.model, 1)
        if self._budgets.call is not None and worst > self._budgets.call:
            raise OverBudget("call", self._budgets.call, used_up=True)
        return Attempt(
            key=key, scan=self._scan, request=request, worst=worst, started_ns=time.time_ns()
        )

    def _limits(self, attempt: Attempt) -> dict[str, Decimal]:
        return limits(self._budgets, self._scan, attempt.request.rank, attempt.started_ns)

    def _free(self, request: Request) -> bool:
        return self._prices.provider(request.provider).free

    async def _wait_for_room(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self, count: int) -> None:
        while self._waiting and count > 0:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                count -= 1


def limits(budgets: Budgets, scan: str, rank: str, at_ns: int) -> dict[str, Decimal]:
    """Return the limits of a call in USD, by the name of the budget."""
    most = budgets.day, budgets.scan, budgets.ranks.get(rank)
    named = zip(scopes(day_of(at_ns), scan, rank), most, strict=True)
    return {scope: limit for scope, limit in named if limit is not None}
