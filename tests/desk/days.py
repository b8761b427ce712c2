"""A session day of the exchange, and steps that only count how often they were taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from qe_plugins.desk.day_plan import plan_of
from qe_plugins.desk.records import (
    ClosedTrade,
    DayPlan,
    DeskSituation,
    DeskStep,
    StepKind,
    StepResult,
)
from qe_plugins.fleet.desk_settings import DeskSettings
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.market.sessions import session_on

DAY = date(2024, 1, 3)
HOUR = 3_600.0
SETTINGS = DeskSettings(posture_valid=4 * HOUR)


def plan(settings: DeskSettings = SETTINGS, every: float = 4 * HOUR) -> DayPlan:
    session = session_on("MES", DAY)
    assert session is not None
    return plan_of(settings, every, session)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-01-{text}").replace(tzinfo=UTC)


class Killed(BaseException):
    """The desk's process ends here, without any chance to write."""


class Market:
    """A clock that moves by itself at every look, and the trades of its session."""

    def __init__(self, at: datetime, *, step: timedelta = timedelta(minutes=5)) -> None:
        self.at, self.step = at, step
        self.trades: list[ClosedTrade] = []
        self.paid: Callable[[datetime], bool] = lambda at: True

    def now(self) -> datetime:
        self.at += self.step
        return self.at

    def view(self, now: datetime, plan: DayPlan) -> DeskSituation:
        closed = tuple(one for one in self.trades if one.closed <= now)
        return DeskSituation(now=now, run="session", trades=closed, paid=self.paid(now))

    def session(self) -> None:
        return None

    def budget(self) -> Decimal:
        return Decimal(2)


class Ledger:
    """What steps did and paid: `acted` once a step, as a ledger and a broker have it by key."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.paid: dict[str, Decimal] = {}
        self.kill: Callable[[str, str], bool] = lambda step, phase: False

    def take(self, step: DeskStep, view: DeskSituation) -> StepResult:
        if self.kill(step.id, "begun"):
            raise Killed
        self.calls.append(step.id)
        usd = Decimal("0.10") if step.kind in (StepKind.HUNT, StepKind.REVIEW) else Decimal(0)
        if usd:
            self.paid.setdefault(step.id, usd)  # answers of a scan are found in the ledger again
        if self.kill(step.id, "acted"):
            raise Killed
        valid = None
        if step.kind is StepKind.GUARD:
            valid = int((step.due + timedelta(hours=4)).timestamp()) * 10**9
        return StepResult(text="done", usd=usd, valid_until=valid)

    @property
    def actions(self) -> dict[StepKind, Callable[[DeskStep, DeskSituation], StepResult]]:
        return dict.fromkeys(StepKind, self.take)


def at_once(stop: StopRequest) -> StopRequest:
    """Return a stop request whose waits take no time: the market's clock moves by itself."""
    stop.wait = lambda seconds: stop.requested  # type: ignore[method-assign]
    return stop
