"""Which step a desk takes now: a pure state machine over a day's plan and its steps so far.

In this order: what a killed desk left unfinished, the posture, reviews, reports, hunts, and after
the close parity and the last report. A hunt whose moment passed while something else ran is missed,
not queued. Where no call of a model may be sent, hunts and reviews wait or are missed and postures
are renewed by rules alone: a desk without budget keeps guarding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from qe_plugins.desk.records import (
    OPEN,
    DayPlan,
    DeskSituation,
    DeskStep,
    StepKind,
    StepRecord,
    StepState,
)

type Steps = Mapping[str, StepRecord]
"""The steps of a day so far, by their ids, in the order of their intents."""

MOST_RESUMED = 3
"""How often one step is taken up again: it may be what ends the desk."""

MOST_ATTEMPTS = 3
"""How often a step that failed is tried: reviews, parity and reports. A later hunt comes anyway."""

RETRY = timedelta(minutes=2)
"""Between two attempts at a posture."""

LAST_REPORT = "nightly"


def next_step(plan: DayPlan, steps: Steps, view: DeskSituation) -> DeskStep | None:
    """Return the step that is due now, None where none is."""
    return next(_due(plan, steps, view), None)


def is_over(plan: DayPlan, steps: Steps, view: DeskSituation) -> bool:
    """Return whether the day has ended: the last report is written, or was given up."""
    known = steps.get(f"{StepKind.REPORT}:{LAST_REPORT}")
    return view.now >= plan.nightly and known is not None and not _again(known)


def wake_at(plan: DayPlan, steps: Steps, view: DeskSituation) -> datetime:
    """Return the next moment at which a step may be due by the clock alone."""
    moments = [at for at in (*plan.hunts, *plan.reports, plan.nightly) if at > view.now]
    if (last := _last_posture(steps)) is not None and view.now < plan.close:
        moments.append(_renewal(last))
    return min((at for at in moments if at > view.now), default=plan.nightly)


def missed(plan: DayPlan, steps: Steps, now: datetime) -> int:
    """Return how many hunts of the day so far were not begun."""
    return sum(at <= now and _named(StepKind.HUNT, at) not in steps for at in plan.hunts)


def gave_up(step: DeskStep, record: StepRecord, now: datetime, longest: timedelta) -> str | None:
    """Return why an unfinished step is not taken up again, None where it is.

    A hunt older than `longest` would answer about a market that is gone.
    """
    if record.resumed >= MOST_RESUMED:
        return f"it was begun {record.resumed + 1} times and did not end"
    if step.kind is StepKind.HUNT and step.due + longest < now:
        return "it is older than an answer stays valid"
    return None


def _due(plan: DayPlan, steps: Steps, view: DeskSituation) -> Iterator[DeskStep]:
    for known in steps.values():
        if known.state in OPEN and _may_resume(known.step, view):
            yield known.step
    if view.run is not None:
        yield from _attempt(
            DeskStep(kind=StepKind.SESSION, key=view.run, due=view.now, run=view.run), steps
        )
        yield from _posture(plan, steps, view, view.run)
    yield from _reviews(steps, view)
    yield from _reports(plan, steps, view)
    if view.now < plan.nightly:
        yield from _hunt(plan, steps, view)
        return
    if view.run is not None:
        parity = DeskStep(kind=StepKind.PARITY, key=view.run, due=plan.nightly, run=view.run)
        yield from _attempt(parity, steps)
    report = DeskStep(kind=StepKind.REPORT, key=LAST_REPORT, due=plan.nightly)
    yield from _attempt(report, steps)


def _may_resume(step: DeskStep, view: DeskSituation) -> bool:
    return view.paid or step.kind not in (StepKind.HUNT, StepKind.REVIEW)


def _posture(plan: DayPlan, steps: Steps, view: DeskSituation, run: str) -> Iterator[DeskStep]:
    if not plan.guarded_from <= view.now < plan.close:
        return
    last = _last_posture(steps)
    if last is None or last.step.run != run or view.now >= _renewal(last):
        at = view.now.replace(microsecond=0)
        yield DeskStep(kind=StepKind.GUARD, key=_moment(at), due=at, run=run)


def _last_posture(steps: Steps) -> StepRecord | None:
    ended = [
        known
        for known in steps.values()
        if known.step.kind is StepKind.GUARD and known.state not in OPEN
    ]
    return ended[-1] if ended else None


def _renewal(last: StepRecord) -> datetime:
    """Return when the next posture is due: at half the validity of the last, or after a failure."""
    if last.state is not StepState.DONE or last.valid_until is None:
        return last.at + RETRY
    ends = last.valid_until if last.renew is None else min(last.valid_until, last.renew)
    until = datetime.fromtimestamp(ends // 10**9, UTC)
    return last.step.due + max((until - last.step.due) / 2, RETRY)


def _reviews(steps: Steps, view: DeskSituation) -> Iterator[DeskStep]:
    for one in view.trades if view.paid else ():
        review = DeskStep(
            kind=StepKind.REVIEW,
            key=f"{one.run}/{one.trade}",
            due=one.closed,
            run=one.run,
            trade=one.trade,
        )
        yield from _attempt(review, steps)


def _reports(plan: DayPlan, steps: Steps, view: DeskSituation) -> Iterator[DeskStep]:
    for at in plan.reports:
        if at <= view.now:
            yield from _attempt(DeskStep(kind=StepKind.REPORT, key=_moment(at), due=at), steps)


def _hunt(plan: DayPlan, steps: Steps, view: DeskSituation) -> Iterator[DeskStep]:
    """Yield the last hunt that was due, unless it was begun or is nearer to the next one."""
    passed = [at for at in plan.hunts if at <= view.now]
    if passed and view.paid and view.now - passed[-1] <= plan.every / 2:
        name = _named(StepKind.HUNT, passed[-1])
        if name not in steps:
            yield DeskStep(kind=StepKind.HUNT, key=_moment(passed[-1]), due=passed[-1])


def _attempt(step: DeskStep, steps: Steps) -> Iterator[DeskStep]:
    known = steps.get(step.id)
    if known is None:
        yield step
    elif _again(known):
        yield DeskStep(
            kind=step.kind,
            key=step.key,
            due=step.due,
            run=step.run,
            trade=step.trade,
            attempt=known.step.attempt + 1,
        )


def _again(known: StepRecord) -> bool:
    return known.state is StepState.FAILED and known.step.attempt < MOST_ATTEMPTS


def _named(kind: StepKind, at: datetime) -> str:
    return f"{kind}:{_moment(at)}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
