"""A request on its way: who waits for it, and what its calls came to so far."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.llm.requests import Answer, Failure, Request, Usage


class PendingRequest(msgspec.Struct, kw_only=True, eq=False):
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
    in_flight: int = 0
    sent_at: float | None = None
    waits: asyncio.Timeout | None = None
    settled: Answer | None = None

    def settle(self, model: str, **what: Any) -> Answer:
        """Return what came of it, and remember it."""
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

    def outrun(self) -> None:
        """Let its first call wait no longer: the second one has answered."""
        if self.waits is not None and not self.waits.expired():
            self.waits.reschedule(0.0)


class Flight:
    """One call on its way: how long it is waited for."""

    def __init__(self, ask: PendingRequest, waits: asyncio.Timeout) -> None:
        self._ask, self._waits = ask, waits

    def wake(self, seconds: float) -> None:
        """Wait so many seconds longer."""
        when = self._waits.when()
        if when is not None and not self._waits.expired():
            self._waits.reschedule(when + seconds)
        if self._ask.sent_at is not None:
            self._ask.sent_at += seconds


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one call came to."""

    model: str = ""
    text: str | None = None
    failure: Failure | None = None
    detail: str = ""
    retry_after: float | None = None
