"""One call: a place, a reservation, the provider, a settlement; and what it came to."""

from __future__ import annotations

import asyncio
import logging

from qe_plugins.llm.client.circuit_breaker import CircuitBreaker
from qe_plugins.llm.client.concurrency import ConcurrencyLimit
from qe_plugins.llm.client.dead_provider import ProviderTrouble
from qe_plugins.llm.client.pending import CallResult, Flight, PendingRequest
from qe_plugins.llm.client.spending import SpendingGuard
from qe_plugins.llm.client.suspension import SuspensionWatch
from qe_plugins.llm.client.usage_checks import CheckedCharge
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.providers.base import Completion, Provider, ProviderFailure, Timeout, Truncated
from qe_plugins.llm.providers.strict_json import UNREADABLE, refuse_duplicates
from qe_plugins.llm.requests import REJECTED, Failure, decode
from qe_plugins.llm.settings import ClientSettings, ClientStats
from qe_plugins.safe_text import in_words, one_line

LOG = logging.getLogger(__name__)
LONGEST = 500  # characters of a failure's detail that are kept


class ProviderChannel:
    """The way to one provider, shared by all who ask it."""

    def __init__(
        self,
        provider: Provider,
        gate: ConcurrencyLimit,
        till: SpendingGuard,
        ledger: Ledger,
        settings: ClientSettings,
        stats: ClientStats,
        trouble: ProviderTrouble,
        awake: SuspensionWatch,
    ) -> None:
        self.provider, self.gate, self.circuit = provider, gate, CircuitBreaker()
        self.trouble, self._awake = trouble, awake
        self._till, self._ledger, self._settings, self._stats = till, ledger, settings, stats

    async def enter(self) -> CallResult | None:
        """Wait for a place, for one `call`. An outcome says that there will be none."""
        left = self._settings.patience
        if halted := self._halted():
            return halted
        while pause := self.circuit.wait():
            left -= pause
            if left < 0:
                said = f"the provider only fails: {self.circuit.why}"
                return CallResult(failure=Failure.CIRCUIT_OPEN, detail=said)
            await self.trouble.pause(pause)
            if halted := self._halted():
                return halted
        try:
            await self.gate.enter()
        except BaseException:
            self.circuit.given_up()
            raise
        if halted := self._halted():
            self.leave()
        return halted

    def _halted(self) -> CallResult | None:
        """Return what an ask comes to where the provider gets no more calls."""
        if (halt := self.trouble.halt) is None:
            return None
        return CallResult(failure=Failure.BAD_REQUEST, detail=f"not sent: {halt.message}"[:LONGEST])

    def try_enter(self) -> bool:
        """Take a place for one `call` where there is one now."""
        if self.circuit.wait():
            return False
        if not self.gate.try_enter():
            self.circuit.given_up()
            return False
        return True

    def leave(self) -> None:
        """Give a place back, whatever became of the call."""
        self.gate.leave()
        self.circuit.given_up()

    async def call(
        self, ask: PendingRequest, feedback: str = "", *, last: bool, spare: bool = False
    ) -> CallResult:
        """Return what one call came to, after it is committed.

        An answer settles the ask in the same transaction; so does a rejection when `last`. A
        `spare` call does not wait for money. Whoever calls has entered; the place is given back
        once the provider is done, so that the next intent shares a transaction with this end.
        """
        try:
            number, attempt = await self._till.reserve(
                ask.key, ask.request, self._settings.timeout, wait=not spare
            )
        except OverBudget as error:
            self.leave()
            self._stats.refused[error.kind] = self._stats.refused.get(error.kind, 0) + (not spare)
            return CallResult(failure=Failure.BUDGET, detail=str(error))
        except BaseException:
            self.leave()
            raise
        return await self._sent(ask, feedback, number, attempt, last=last, spare=spare)

    async def _sent(
        self,
        ask: PendingRequest,
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
        ask.attempts += 1
        ask.in_flight += 1
        if not spare:
            ask.sent_at = asyncio.get_running_loop().time()
        try:
            ended = await self._completed(ask, feedback, spare=spare)
            if ended is not None:
                outcome = _outcome(ended, ask)
                self._report(ask, ended)
        finally:
            ask.in_flight -= 1
            charge = self._till.charge(attempt, ended)
            ask.usage, ask.usd = ask.usage + charge.usage, ask.usd + charge.usd
            status = "in_doubt" if charge.in_doubt else str(outcome.failure or "answered")
            settled = self._till.settle(number, attempt, status, charge.usd, charge.usage)
            self._doubt(ask, charge)
            self._conclude(ask, outcome, last=last)
            self.leave()
        if spare and outcome.failure is None:
            ask.outrun()
        await settled
        return outcome

    async def _completed(
        self, ask: PendingRequest, feedback: str, *, spare: bool
    ) -> Completion | ProviderFailure | None:
        """Return what the provider says; None where a second call was answered before."""
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds) as waits:
                flight = Flight(ask, waits)
                self._awake.begin(flight)
                if not spare:
                    ask.waits = waits
                try:
                    return await self.provider.complete(ask.request, feedback)
                finally:
                    self._awake.end(flight)
        except ProviderFailure as failure:
            return failure
        except TimeoutError:
            return None if ask.settled is not None else Timeout(f"no answer within {seconds:g} s")
        except Exception as error:  # a provider that breaks its promise may still have been paid
            return Truncated(f"not understood: {one_line(error)}"[:LONGEST])
        finally:
            if not spare:
                ask.waits = None

    def _doubt(self, ask: PendingRequest, charge: CheckedCharge) -> None:
        """Count an account that is not believed, and say so the first time."""
        known = self._stats.doubts
        if not charge.doubt:
            return
        if charge.doubt not in known:
            said = "%s: its usage is not believed (%s): counted at worst case or above"
            LOG.warning(said, ask.request.provider, charge.doubt)
        known[charge.doubt] = known.get(charge.doubt, 0) + 1

    def _conclude(self, ask: PendingRequest, outcome: CallResult, *, last: bool) -> None:
        """Settle the ask beside its call, so that no answer that was paid for can be lost."""
        rejected = outcome.failure in REJECTED and (last or outcome.failure is Failure.REFUSED)
        if ask.settled is not None or not (outcome.failure is None or rejected):
            return
        model = outcome.model or ask.request.model
        settled = ask.settle(
            model,
            cutoff=self._till.cutoff(ask.request, model),
            answer=outcome.text,
            failure=outcome.failure,
            detail=outcome.detail,
        )
        self._ledger.conclude(None if ask.given_up else ask.scan, settled)

    def _report(self, ask: PendingRequest, ended: Completion | ProviderFailure) -> None:
        kind, why = None, ""
        self.trouble.note(ask.request.model, ended)
        if isinstance(ended, ProviderFailure):
            kind, why = ended.kind, ended.detail
        if kind in (Failure.RATE_LIMITED, Failure.SERVER, Failure.CUT):
            pause = getattr(ended, "retry_after", None) or self._settings.backoff
            self.gate.turned_away(pause, failing=kind is not Failure.RATE_LIMITED)
        elif kind is not Failure.TIMEOUT:
            self.gate.answered()
        if kind in (Failure.SERVER, Failure.TIMEOUT, Failure.CUT):
            self.circuit.failed(why[:LONGEST])
        else:
            self.circuit.answered()


def _outcome(ended: Completion | ProviderFailure, ask: PendingRequest) -> CallResult:
    if isinstance(ended, ProviderFailure):
        return CallResult(
            failure=ended.kind, detail=ended.detail[:LONGEST], retry_after=ended.retry_after
        )
    if not ended.text.strip():
        return CallResult(model=ended.model, failure=Failure.BLANK, detail="the answer was blank")
    try:
        decode(ended.text, ask.answer_type)
        refuse_duplicates(ended.text)
    except UNREADABLE as error:
        said = "nested too deep" if isinstance(error, RecursionError) else in_words(error)
        said += "; it was cut at max_tokens" if ended.finish == "length" else ""
        return CallResult(model=ended.model, failure=Failure.INVALID, detail=said[:LONGEST])
    return CallResult(model=ended.model, text=ended.text.strip())
