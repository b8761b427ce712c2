"""One attempt: acquire a slot, reserve the cost, call the provider, record the charge."""

from __future__ import annotations

import asyncio
import logging
import time
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.halt.latch import HaltLatch
from qe_plugins.llm.client.provider_state import (
    CircuitBreaker,
    ConcurrencyLimit,
    ProviderTrouble,
    SuspensionWatch,
)
from qe_plugins.llm.client.spending import CheckedCharge, SpendingGuard
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.providers.base import Completion, Provider, ProviderFailure, Timeout, Truncated
from qe_plugins.llm.requests import (
    REJECTED,
    UNREADABLE,
    Answer,
    Failure,
    Request,
    Usage,
    decode,
    refuse_duplicates,
)
from qe_plugins.llm.settings import ClientSettings, ClientStats
from qe_plugins.safe_text import in_words, one_line


class PendingRequest(msgspec.Struct, kw_only=True, eq=False):
    """A request in progress, with the usage and the cost of its calls so far.

    It is `abandoned` when its last waiter left: no further call is made, and no scan uses it.
    """

    key: str
    request: Request
    answer_type: Any
    scan: str
    cutoff: str | None
    started_ns: int
    usage: Usage = Usage()
    usd: Decimal = Decimal(0)
    attempts: int = 0
    waiters: int = 0
    abandoned: bool = False
    in_flight: int = 0
    sent_at: float | None = None
    waits: asyncio.Timeout | None = None
    settled: Answer | None = None

    def settle(self, model: str, **what: Any) -> Answer:
        """Build, store and return the answer of this request."""
        what = {"cutoff": self.cutoff} | what
        self.settled = Answer(
            key=self.key,
            provider=self.request.provider,
            model=model,
            usage=self.usage,
            usd=self.usd,
            attempts=self.attempts,
            started_ns=self.started_ns,
            finished_ns=time.time_ns(),
            **what,
        )
        return self.settled

    def supersede(self) -> None:
        """End the wait of its first call, because the second one has answered."""
        if self.waits is not None and not self.waits.expired():
            self.waits.reschedule(0.0)


class Flight:
    """One call in flight and its timeout."""

    def __init__(self, pending: PendingRequest, waits: asyncio.Timeout) -> None:
        self._pending, self._waits = pending, waits

    def wake(self, seconds: float) -> None:
        """Extend the timeout by `seconds`."""
        when = self._waits.when()
        if when is not None and not self._waits.expired():
            self._waits.reschedule(when + seconds)
        if self._pending.sent_at is not None:
            self._pending.sent_at += seconds


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one call: text, or a failure with its detail."""

    model: str = ""
    text: str | None = None
    failure: Failure | None = None
    detail: str = ""
    retry_after: float | None = None


LOG = logging.getLogger(__name__)
LONGEST = 500  # characters of a failure's detail that are stored


class ProviderChannel:
    """The attempts at one provider, with the limits that all its requests share."""

    def __init__(
        self,
        provider: Provider,
        concurrency: ConcurrencyLimit,
        spending: SpendingGuard,
        ledger: Ledger,
        settings: ClientSettings,
        stats: ClientStats,
        trouble: ProviderTrouble,
        awake: SuspensionWatch,
        latch: HaltLatch,
    ) -> None:
        self._latch = latch
        self.provider, self.concurrency, self.circuit = provider, concurrency, CircuitBreaker()
        self.trouble, self._suspension = trouble, awake
        self._spending, self._ledger, self._settings, self._stats = (
            spending,
            ledger,
            settings,
            stats,
        )

    async def acquire(self) -> CallResult | None:
        """Wait for a slot for one `call`. Return None, or the result where there will be none."""
        left = self._settings.patience
        if halted := self._halt_result():
            return halted
        while pause := self.circuit.wait():
            left -= pause
            if left < 0:
                said = f"the provider only fails: {self.circuit.why}"
                return CallResult(failure=Failure.CIRCUIT_OPEN, detail=said)
            await self.trouble.pause(pause)
            if halted := self._halt_result():
                return halted
        try:
            await self.concurrency.acquire()
        except BaseException:
            self.circuit.abandoned()
            raise
        if halted := self._halt_result():
            self.release()
        return halted

    def _halt_result(self) -> CallResult | None:
        """Return the result of a request whose provider gets no more calls, else None."""
        if (halt := self.trouble.halt) is None:
            return None
        return CallResult(failure=Failure.BAD_REQUEST, detail=f"not sent: {halt.message}"[:LONGEST])

    def try_acquire(self) -> bool:
        """Acquire a slot for one `call` without waiting; return whether there was one."""
        if self.circuit.wait():
            return False
        if not self.concurrency.try_acquire():
            self.circuit.abandoned()
            return False
        return True

    def release(self) -> None:
        """Release a slot, after any result of the call."""
        self.concurrency.release()
        self.circuit.abandoned()

    async def call(
        self, pending: PendingRequest, feedback: str = "", *, last: bool, spare: bool = False
    ) -> CallResult:
        """Return the result of one call, once it is committed to the ledger.

        An answer concludes the request in the same transaction; so does a rejection when `last`. A
        `spare` call does not wait for its budget. The caller has acquired a slot, which is released
        when the provider is done, so that the next reservation shares a transaction with it. Raises
        Halted while trading is halted, before anything is reserved.
        """
        if (halt := self._latch.read()) is not None:
            self.release()
            if spare:  # the first call is on its way, and its answer is wanted
                return CallResult(failure=Failure.BUDGET, detail=f"not sent: {halt.line}"[:LONGEST])
            raise halt.error()
        try:
            number, attempt = await self._spending.reserve(
                pending.key, pending.request, self._settings.timeout, wait=not spare
            )
        except OverBudget as error:
            self.release()
            self._stats.refused[error.kind] = self._stats.refused.get(error.kind, 0) + (not spare)
            return CallResult(failure=Failure.BUDGET, detail=str(error))
        except BaseException:
            self.release()
            raise
        return await self._send(pending, feedback, number, attempt, last=last, spare=spare)

    async def _send(
        self,
        pending: PendingRequest,
        feedback: str,
        number: int,
        attempt: Attempt,
        *,
        last: bool,
        spare: bool,
    ) -> CallResult:
        ended: Completion | ProviderFailure | None = None
        outcome = CallResult(failure=Failure.TIMEOUT)
        self._stats.sent += 1
        pending.attempts += 1
        pending.in_flight += 1
        if not spare:
            pending.sent_at = asyncio.get_running_loop().time()
        try:
            ended = await self._complete(pending, feedback, spare=spare)
            if ended is not None:
                outcome = _result_of(ended, pending)
                self._report_outcome(pending, ended)
        finally:
            pending.in_flight -= 1
            charge = self._spending.charge(attempt, ended)
            pending.usage, pending.usd = pending.usage + charge.usage, pending.usd + charge.usd
            status = "in_doubt" if charge.in_doubt else str(outcome.failure or "answered")
            settled = self._spending.settle(number, attempt, status, charge.usd, charge.usage)
            self._count_doubt(pending, charge)
            self._conclude(pending, outcome, last=last)
            self.release()
        if spare and outcome.failure is None:
            pending.supersede()
        await settled
        return outcome

    async def _complete(
        self, pending: PendingRequest, feedback: str, *, spare: bool
    ) -> Completion | ProviderFailure | None:
        """Return the provider's completion or failure; None where a second call answered first."""
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds) as waits:
                flight = Flight(pending, waits)
                self._suspension.begin(flight)
                if not spare:
                    pending.waits = waits
                try:
                    return await self.provider.complete(pending.request, feedback)
                finally:
                    self._suspension.end(flight)
        except ProviderFailure as failure:
            return failure
        except TimeoutError:
            return (
                None if pending.settled is not None else Timeout(f"no answer within {seconds:g} s")
            )
        except Exception as error:  # a provider that breaks its protocol may still have charged
            return Truncated(f"not understood: {one_line(error)}"[:LONGEST])
        finally:
            if not spare:
                pending.waits = None

    def _count_doubt(self, pending: PendingRequest, charge: CheckedCharge) -> None:
        """Count a usage that is not believed, and log the first of its kind."""
        known = self._stats.doubts
        if not charge.doubt:
            return
        if charge.doubt not in known:
            said = "%s: its usage is not believed (%s): counted at worst case or above"
            LOG.warning(said, pending.request.provider, charge.doubt)
        known[charge.doubt] = known.get(charge.doubt, 0) + 1

    def _conclude(self, pending: PendingRequest, outcome: CallResult, *, last: bool) -> None:
        """Conclude the request together with its charge, so that no paid answer can be lost."""
        rejected = outcome.failure in REJECTED and (last or outcome.failure is Failure.REFUSED)
        if pending.settled is not None or not (outcome.failure is None or rejected):
            return
        model = outcome.model or pending.request.model
        settled = pending.settle(
            model,
            cutoff=self._spending.cutoff(pending.request, model),
            answer=outcome.text,
            failure=outcome.failure,
            detail=outcome.detail,
        )
        self._ledger.conclude(None if pending.abandoned else pending.scan, settled)

    def _report_outcome(self, pending: PendingRequest, ended: Completion | ProviderFailure) -> None:
        kind, why = None, ""
        self.trouble.note(pending.request.model, ended)
        if isinstance(ended, ProviderFailure):
            kind, why = ended.kind, ended.detail
        if kind in (Failure.RATE_LIMITED, Failure.SERVER, Failure.CUT):
            pause = getattr(ended, "retry_after", None) or self._settings.backoff
            self.concurrency.turned_away(pause, failing=kind is not Failure.RATE_LIMITED)
        elif kind is not Failure.TIMEOUT:
            self.concurrency.answered()
        if kind in (Failure.SERVER, Failure.TIMEOUT, Failure.CUT):
            self.circuit.failed(why[:LONGEST])
        else:
            self.circuit.answered()


def _result_of(ended: Completion | ProviderFailure, pending: PendingRequest) -> CallResult:
    if isinstance(ended, ProviderFailure):
        return CallResult(
            failure=ended.kind, detail=ended.detail[:LONGEST], retry_after=ended.retry_after
        )
    if not ended.text.strip():
        return CallResult(model=ended.model, failure=Failure.BLANK, detail="the answer was blank")
    try:
        decode(ended.text, pending.answer_type)
        refuse_duplicates(ended.text)
    except UNREADABLE as error:
        said = "nested too deep" if isinstance(error, RecursionError) else in_words(error)
        said += "; it was cut at max_tokens" if ended.finish == "length" else ""
        return CallResult(model=ended.model, failure=Failure.INVALID, detail=said[:LONGEST])
    return CallResult(model=ended.model, text=ended.text.strip())
