"""ANALYST: what each exit, entry, size and vote was worth, over the closed trades of a run.

Variants of every trade are computed from the bars around it (`trade_variants.py`). A lesson needs
trades enough, an interval that excludes zero and two halves that agree; it names the effect, and
when it was known. It is used once it has held in later trades (`held_lessons.py`).
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from qe_plugins.fleet.messaging.outbox import ReportBody
from qe_plugins.fleet.patterns import checked
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.held_lessons import HeldLesson, held_lessons
from qe_plugins.fleet.roles.role import RoleWork
from qe_plugins.fleet.roles.trade_variants import by_trade
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role

ENOUGH = 30
"""Trades from which a lesson may be drawn."""


class VariantEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One variant over all trades: what it adds, in mean true ranges a trade, with its interval.

    `lasting` says that the first half of the trades, in time, has the sign of the second.
    """

    variant: str
    trades: int
    effect: float
    low: float
    high: float
    lasting: bool

    @property
    def teaches(self) -> bool:
        """Return whether a lesson may rest on it."""
        return self.trades >= ENOUGH and self.lasting and (self.low > 0 or self.high < 0)


class LearnedLesson(msgspec.Struct, frozen=True, kw_only=True):
    """One lesson: its sentence, the variant it rests on with its figures, and when it was known."""

    known: int
    text: str
    basis: VariantEffect


class TaughtLesson(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson as the model words it."""

    variant: Annotated[str, Meta(max_length=40, description="a variant of the inputs")]
    text: Annotated[str, Meta(min_length=1, max_length=280, description="one sentence")]


class ReviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An analyst's answer: lessons, none on most days."""

    lessons: Annotated[list[TaughtLesson], Meta(max_length=3)]


class ReviewOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Every variant, the lessons that code accepted, and why others were refused.

    `held` are lessons written before that held in trades since then.
    """

    trades: int
    variants: tuple[VariantEffect, ...] = ()
    lessons: tuple[LearnedLesson, ...] = ()
    refused: tuple[str, ...] = ()
    held: tuple[HeldLesson, ...] = ()


def variants(context: RoleContext) -> tuple[VariantEffect, ...]:
    """Return the effect of every variant over the context's closed trades."""
    found: dict[str, list[float]] = {}
    for _, values in by_trade(context):
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return tuple(_effect(name, values) for name, values in sorted(found.items()))


def inputs(context: RoleContext) -> dict[str, Any]:
    """Return every variant with its figures; a trade's price is in none."""
    return {
        "trades": len(context.trades),
        "enough": ENOUGH,
        "variants": [
            msgspec.to_builtins(one) | {"teaches": one.teaches} for one in variants(context)
        ],
    }


def rule(given: dict[str, Any]) -> Steps:
    """Word a lesson for each variant that teaches one."""
    yield [("lessons", {})]
    worded = [
        TaughtLesson(
            variant=one["variant"],
            text=f"{one['variant']}: effect {one['effect']:g} mean true ranges over trades "
            f"{one['trades']}",
        )
        for one in given["variants"]
        if one["teaches"]
    ]
    return ReviewAnswer(lessons=worded[:3])


def outcome(context: RoleContext, session: SessionResult[ReviewAnswer]) -> ReviewOutcome:
    """Return the lessons whose variant teaches one and whose figures are right."""
    known = {one.variant: one for one in variants(context)}
    lessons, refused = [], []
    for one in session.answer.lessons if session.answer else ():
        basis = known.get(one.variant)
        if basis is None or not basis.teaches:
            refused.append(f"{one.variant}: the trades do not support a lesson")
            continue
        figures = {
            name: float(getattr(basis, name)) for name in ("effect", "low", "high", "trades")
        }
        text = one.text.replace(one.variant, "")  # its name may hold a number
        if not (sentence := checked(text, figures)).held:
            refused.append(f"{one.variant}: wrong figures {', '.join(sentence.wrong)}")
            continue
        lessons.append(LearnedLesson(known=context.as_of, text=one.text, basis=basis))
    return ReviewOutcome(
        trades=len(context.trades),
        variants=tuple(known.values()),
        lessons=tuple(lessons),
        refused=tuple(refused),
        held=held_lessons(context),
    )


def facts(context: RoleContext, found: ReviewOutcome, cause: str) -> list[Fact]:
    """Return one review of all trades, the lessons that it led to, and earlier ones that held."""
    body = {
        "trade_id": "all",
        "summary": f"{found.trades} trades, {len(found.lessons)} lessons",
        "facts": {one.variant: one.effect for one in found.variants},
    }
    review = _fact(context, "review:1", FactKind.REVIEW, cause, body)
    lessons = [
        _fact(context, f"lesson:{n}", FactKind.LESSON, review.id, msgspec.to_builtins(one))
        for n, one in enumerate(found.lessons, 1)
    ]
    held = [
        _fact(context, f"held:{n}", FactKind.LESSON, review.id, msgspec.to_builtins(one))
        for n, one in enumerate(found.held, 1)
    ]
    return [review, *lessons, *held]


def message(found: ReviewOutcome) -> ReportBody:
    """Return the review for the bus."""
    text = "; ".join(one.text for one in found.lessons) or "nothing was learned"
    return ReportBody(
        score=0.0, confidence=0.0, coverage=1.0, effective=1.0, reason=text[:280], targets=()
    )


def _effect(name: str, values: list[float]) -> VariantEffect:
    of = np.array(values)
    mean = float(of.mean())
    error = float(of.std(ddof=1)) / math.sqrt(len(of)) if len(of) > 1 else math.inf
    half = len(of) // 2
    first, second = (float(one.mean()) if len(one) else 0.0 for one in (of[:half], of[half:]))
    wide = error if math.isfinite(error) else 1e6
    return VariantEffect(
        variant=name,
        trades=len(of),
        effect=round(mean, 3),
        low=round(mean - 2 * wide, 3),
        high=round(mean + 2 * wide, 3),
        lasting=first * second > 0,
    )


def _fact(
    context: RoleContext, name: str, kind: FactKind, cause: str, body: dict[str, Any]
) -> Fact:
    return Fact(
        id=name, kind=kind, ts_event=context.as_of, source="analyst", cause=cause, body=body
    )


ANALYST = RoleWork(
    role=Role.ANALYST,
    answer_type=ReviewAnswer,
    inputs=inputs,
    rule=rule,
    outcome=outcome,
    facts=facts,
    message=message,
)
