"""ARBITER: attacks a thesis with numbers, then asks a blind jury what numbers do not settle.

A numeric failure stays one whatever the jury says; a jury can only object to what passed.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from qe_plugins.errors import FleetError
from qe_plugins.fleet.messaging.outbox import ObjectionBody, ReportBody
from qe_plugins.fleet.patterns import JuryVerdict, Seat, counted
from qe_plugins.fleet.prompts.requests import quoted
from qe_plugins.fleet.roles.attacks import AttackReport, Outcome
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.role import RoleWork
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role

OBJECTS = -0.3
"""The jury's score below which a thesis that passed is objected to."""

SEATS = 3
STATEMENT = 1_000


class SeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A seat's answer; without a `score` it abstains."""

    score: Annotated[float, Meta(ge=-1, le=1)] | None
    confidence: Annotated[float, Meta(ge=0, le=1)]
    reason: Annotated[str, Meta(min_length=1, max_length=280)]


class VerdictOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The typed verdict: what the numbers say, each of them, and the jury's vote."""

    outcome: Outcome
    numbers: Outcome
    report: AttackReport
    jury: JuryVerdict
    reasons: tuple[str, ...] = ()


def inputs(context: RoleContext) -> dict[str, Any]:
    """Return the thesis as a quotation, and every attack with its figure."""
    report = _report(context)
    return {
        "statement": quoted("thesis", context.statement, STATEMENT),
        "numbers": str(report.outcome),
        "trades": report.trades,
        "mean_r": report.mean_r,
        "t": report.score,
        "capacity": report.capacity,
        "attacks": [msgspec.to_builtins(one) for one in report.attacks],
    }


def rule(given: dict[str, Any]) -> Steps:
    """Abstain: a rule has no opinion on what numbers do not settle."""
    yield [("lessons", {})]
    return SeatAnswer(score=None, confidence=0.0, reason=f"the numbers say {given['numbers']}")


def verdict(context: RoleContext, sessions: list[SessionResult[SeatAnswer]]) -> VerdictOutcome:
    """Return the verdict over the attacks and the seats; a seat without an answer abstains."""
    report = _report(context)
    seats = [
        Seat(
            prompt=f"seat {number} {one.prompt}",
            score=one.answer.score if one.answer else None,
            confidence=one.answer.confidence if one.answer else 0.0,
        )
        for number, one in enumerate(sessions, 1)
    ]
    jury = counted(seats, context.loaded.fleet.assumed_correlation)
    numbers = report.outcome
    objects = jury.score is not None and jury.score < OBJECTS
    return VerdictOutcome(
        outcome=Outcome.OBJECTED if numbers is Outcome.PASSED and objects else numbers,
        numbers=numbers,
        report=report,
        jury=jury,
        reasons=tuple(one.answer.reason for one in sessions if one.answer),
    )


def facts(context: RoleContext, found: VerdictOutcome, cause: str) -> list[Fact]:
    """Return the verdict with every figure."""
    body = msgspec.to_builtins(found)
    return [
        Fact(
            id="verdict:1",
            kind=FactKind.VERDICT,
            ts_event=context.as_of,
            source="arbiter",
            cause=cause,
            body=body,
        )
    ]


def message(found: VerdictOutcome) -> ObjectionBody | ReportBody:
    """Return an objection where the thesis did not pass, else a report."""
    passed = found.outcome is Outcome.PASSED
    kind = ReportBody if passed else ObjectionBody
    failed = ", ".join(found.report.failed) or "nothing"
    return kind(
        score=1.0 if passed else -1.0,
        confidence=1.0,
        coverage=1.0,
        effective=found.jury.effective,
        reason=f"{found.report.thesis}: {found.outcome}; failed: {failed}"[:280],
        targets=(),
    )


def _report(context: RoleContext) -> AttackReport:
    if context.attacks is None:
        raise FleetError("there is no thesis to attack.", hint="`qe fleet validate` takes one.")
    return context.attacks


ARBITER = RoleWork(
    role=Role.ARBITER,
    answer_type=SeatAnswer,
    inputs=inputs,
    rule=rule,
    outcome=lambda context, session: verdict(context, [session]),
    facts=facts,
    message=message,
    jury=verdict,
    seats=SEATS,
)
