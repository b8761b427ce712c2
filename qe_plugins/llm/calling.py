"""One call: a place, a reservation, the provider, a settlement; and what it came to."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.llm.circuit import Circuit
from qe_plugins.llm.gate import Gate
from qe_plugins.llm.ledger import Attempt, Ledger, OverBudget
from qe_plugins.llm.provider import Completion, Provider, ProviderFailure, Timeout
from qe_plugins.llm.records import REJECTED, Failure, Request, Settled, Usage, decode
from qe_plugins.llm.settings import Settings, Stats
from qe_plugins.llm.till import Till

LONGEST = 500  # characters of a failure's detail that are kept


class Ask(msgspec.Struct, kw_only=True, eq=False):
    """A request on its way, with what its calls came to so far.

    It is `given_up` when its last asker left: no further call is made, and no scan goes by it.
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
    askers: int = 0
    given_up: bool = False
    sent_at: float | None = None
    waits: asyncio.Timeout | None = None
    settled: Settled | None = None

    def settle(self, model: str, **what: Any) -> Settled:
        """Return what came of it, and remember it."""
        self.settled = Settled(
            key=self.key,
            provider=self.request.provider,
            model=model,
            cutoff=self.cutoff,
            usage=self.usage,
            usd=self.usd,
            attempts=self.attempts,
            started_ns=self.started_ns,
            finished_ns=time.time_ns(),
            **what,
        )
        return self.settled

    def outrun(self) -> None:
        """Let its first call wait no longer: the second one has answered."""
        if self.waits is not None and not self.waits.expired():
            self.waits.reschedule(0.0)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one call came to."""

    model: str = ""
    text: str | None = None
    failure: Failure | None = None
    detail: str = ""
    retry_after: float | None = None


class Line:
    """The way to one provider, shared by all who ask it."""

    def __init__(
        self,
        provider: Provider,
        gate: Gate,
        till: Till,
        ledger: Ledger,
        settings: Settings,
        stats: Stats,
    ) -> None:
        self.provider, self.gate, self.circuit = provider, gate, Circuit()
        self._till, self._ledger, self._settings, self._stats = till, ledger, settings, stats

    async def enter(self) -> Outcome | None:
        """Wait for a place, for one `call`. An outcome says that there will be none."""
        left = self._settings.patience
        while pause := self.circuit.wait():
            left -= pause
            if left < 0:
                said = f"the provider only fails: {self.circuit.why}"
                return Outcome(failure=Failure.CIRCUIT_OPEN, detail=said)
            await asyncio.sleep(pause)
        try:
            await self.gate.enter()
        except BaseException:
            self.circuit.given_up()
            raise
        return None

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
        self, ask: Ask, feedback: str = "", *, last: bool, spare: bool = False
    ) -> Outcome:
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
            return Outcome(failure=Failure.BUDGET, detail=str(error))
        except BaseException:
            self.leave()
            raise
        return await self._sent(ask, feedback, number, attempt, last=last, spare=spare)

    async def _sent(
        self, ask: Ask, feedback: str, number: int, attempt: Attempt, *, last: bool, spare: bool
    ) -> Outcome:
        ended: Completion | ProviderFailure | None = None
        outcome = Outcome(failure=Failure.TIMEOUT)
        self._stats.sent += 1
        ask.attempts += 1
        if not spare:
            ask.sent_at = asyncio.get_running_loop().time()
        try:
            ended = await self._completed(ask, feedback, spare=spare)
            if ended is not None:
                outcome = _outcome(ended, ask)
                self._report(ended)
        finally:
            usage = self._till.charged(ended)
            usd = attempt.worst if usage is None else self._till.price(ask.request, usage)
            ask.usage, ask.usd = ask.usage + (usage or Usage()), ask.usd + usd
            status = "in_doubt" if usage is None else str(outcome.failure or "answered")
            settled = self._till.settle(number, attempt, status, usd, usage or Usage())
            self._conclude(ask, outcome, last=last)
            self.leave()
        if spare and outcome.failure is None:
            ask.outrun()
        await settled
        return outcome

    async def _completed(
        self, ask: Ask, feedback: str, *, spare: bool
    ) -> Completion | ProviderFailure | None:
        """Return what the provider says; None where a second call was answered before."""
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds) as waits:
                if not spare:
                    ask.waits = waits
                return await self.provider.complete(ask.request, feedback)
        except ProviderFailure as failure:
            return failure
        except TimeoutError:
            return None if ask.settled is not None else Timeout(f"no answer within {seconds:g} s")
        finally:
            if not spare:
                ask.waits = None

    def _conclude(self, ask: Ask, outcome: Outcome, *, last: bool) -> None:
        """Settle the ask beside its call, so that no answer that was paid for can be lost."""
        rejected = outcome.failure in REJECTED and (last or outcome.failure is Failure.REFUSED)
        if ask.settled is not None or not (outcome.failure is None or rejected):
            return
        settled = ask.settle(
            outcome.model or ask.request.model,
            answer=outcome.text,
            failure=outcome.failure,
            detail=outcome.detail,
        )
        self._ledger.conclude(None if ask.given_up else ask.scan, settled)

    def _report(self, ended: Completion | ProviderFailure) -> None:
        kind, why = None, ""
        if isinstance(ended, ProviderFailure):
            kind, why = ended.kind, ended.detail
        if kind in (Failure.RATE_LIMITED, Failure.SERVER):
            pause = getattr(ended, "retry_after", None) or self._settings.backoff
            self.gate.turned_away(pause)
        elif kind is not Failure.TIMEOUT:
            self.gate.answered()
        if kind in (Failure.SERVER, Failure.TIMEOUT):
            self.circuit.failed(why[:LONGEST])
        else:
            self.circuit.answered()


def _outcome(ended: Completion | ProviderFailure, ask: Ask) -> Outcome:
    if isinstance(ended, ProviderFailure):
        return Outcome(
            failure=ended.kind, detail=ended.detail[:LONGEST], retry_after=ended.retry_after
        )
    if not ended.text.strip():
        return Outcome(model=ended.model, failure=Failure.BLANK, detail="the answer was blank")
    try:
        decode(ended.text, ask.answer_type)
    except msgspec.DecodeError as error:
        said = f"{error}" if ended.finish != "length" else f"{error}; it was cut at max_tokens"
        return Outcome(model=ended.model, failure=Failure.INVALID, detail=said[:LONGEST])
    return Outcome(model=ended.model, text=ended.text.strip())
