"""Steps of a desk's day, and what the journal says of them. Times are UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from qe_plugins.journal.facts import Fact


class StepKind(StrEnum):
    """What a desk does by itself; SESSION notes the session that a day is beside."""

    SESSION = "session"
    HUNT = "hunt"
    GUARD = "guard"
    REVIEW = "review"
    PARITY = "parity"
    REPORT = "report"


class StepState(StrEnum):
    """What is known of a step: INTENDED and RESUMED have no outcome yet."""

    INTENDED = "intended"
    RESUMED = "resumed"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


OPEN = (StepState.INTENDED, StepState.RESUMED)


class DeskStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: `due` is the moment that it is about, `key` what tells it from others of its kind.

    `run` and `trade` name what a review or a parity check is of. `attempt` counts from 1.
    """

    kind: StepKind
    key: str
    due: datetime
    run: str | None = None
    trade: str | None = None
    attempt: int = 1

    @property
    def id(self) -> str:
        """Return its name, the same in every attempt: `hunt:2026-11-30T09:00Z`."""
        return f"{self.kind}:{self.key}"


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says of a step: its last state, how often it was taken up again, its cost.

    `valid_until` is that of a posture, `renew` that of the part of it that ends sooner and calls
    for the next one, both in UTC nanoseconds.
    """

    step: DeskStep
    state: StepState
    at: datetime
    resumed: int = 0
    usd: Decimal = Decimal(0)
    valid_until: int | None = None
    renew: int | None = None


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a step ended: a line of text, its cost in USD, and facts that are written with it.

    `valid_until` and `renew` are those of a posture that it published. `skipped` says that
    there was nothing to do, `failed` that it failed and may have cost something all the same.
    """

    text: str
    usd: Decimal = Decimal(0)
    facts: tuple[Fact, ...] = ()
    valid_until: int | None = None
    renew: int | None = None
    skipped: bool = False
    failed: bool = False
    body: dict[str, Any] = {}


class ClosedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of a session that has closed."""

    run: str
    trade: str
    closed: datetime


class DayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """When the steps of a session day are due.

    Postures are kept in force from `guarded_from` to `close`. Hunts are `every` so long. `nightly`
    is when parity is checked and the day's last report written.
    """

    day: date
    open: datetime
    close: datetime
    guarded_from: datetime
    every: timedelta
    hunts: tuple[datetime, ...]
    reports: tuple[datetime, ...]
    nightly: datetime


class DeskSituation(msgspec.Struct, frozen=True, kw_only=True):
    """What a desk sees at a moment of the market's clock, besides its own steps.

    `run` is the session's, None where none has begun. `paid` says that calls of models may be sent:
    neither is the day's budget used up nor is trading halted.
    """

    now: datetime
    run: str | None = None
    trades: tuple[ClosedTrade, ...] = ()
    paid: bool = True
    halted: bool = False
