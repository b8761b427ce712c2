"""A request in progress: its waiters, and the cost and usage of its calls so far."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import msgspec

from qe_plugins.llm.requests import Answer, Failure, Request, Usage


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
