"""ANALYST: what each exit, entry and size was worth, over the closed trades of a run.

Variants of every trade are computed from the bars around it, in mean true ranges of its entry, so
that trades of different days add up. A lesson needs trades enough, an interval that excludes zero
and two halves that agree; it names the effect, and when it was known.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from qe_plugins.fleet.messaging.outbox import ReportBody
from qe_plugins.fleet.patterns import checked
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.role import RoleWork
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.fleet.tasks.snapshot import MINUTE, SnapshotBars
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role, Side, Trade

ENOUGH = 30
"""Trades from which a lesson may be drawn."""

LATER = {"exit_15m_later": 15, "exit_60m_later": 60}
TIMED = {"out_after_30m": 30, "out_after_120m": 120}
"""Minutes after the entry at which a variant leaves. None leaves so long before the real exit: that
one is not known by then.
"""

NOISE_BARS = 60


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
    """Every variant, the lessons that code accepted, and why others were refused."""

    trades: int
    variants: tuple[VariantEffect, ...] = ()
    lessons: tuple[LearnedLesson, ...] = ()
    refused: tuple[str, ...] = ()


def variants(context: RoleContext) -> tuple[VariantEffect, ...]:
    """Return the effect of every variant over the context's closed trades."""
    found: dict[str, list[float]] = {}
    for trade in sorted(context.trades, key=lambda one: one.closed):
        if trade.closed <= context.as_of and trade.instrument_id in context.market.instruments:
            bars = context.market.bars(trade.instrument_id, "1m")
            for name, value in _of_trade(trade, bars).items():
                found.setdefault(name, []).append(value)
    return tuple(_effect(name, values) for name, values in sorted(found.items()))


def trade_of(fact: Fact) -> Trade:
    """Return the trade of a fact of the journal."""
    body = fact.body
    return Trade(
        id=fact.id,
        instrument_id=body["instrument_id"],
        strategy=body["strategy"],
        side=Side(body["side"]),
        opened=body["opened"],
        closed=body["closed"],
        currency=body["currency"],
        quantity=Decimal(body["quantity"]),
        entry=Decimal(body["entry"]),
        exit=Decimal(body["exit"]),
        pnl=Decimal(body["pnl"]),
        commissions=Decimal(body["commissions"]),
    )


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
    )


def facts(context: RoleContext, found: ReviewOutcome, cause: str) -> list[Fact]:
    """Return one review of all trades, and the lessons that it led to."""
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
    return [review, *lessons]


def message(found: ReviewOutcome) -> ReportBody:
    """Return the review for the bus."""
    text = "; ".join(one.text for one in found.lessons) or "nothing was learned"
    return ReportBody(
        score=0.0, confidence=0.0, coverage=1.0, effective=1.0, reason=text[:280], targets=()
    )


def _of_trade(trade: Trade, bars: SnapshotBars) -> dict[str, float]:
    """Return what each variant adds to a trade, in mean true ranges of the hour before its entry.

    A variant that needs bars which are not there, or not known yet, is left out.
    """
    opened = int(bars.ts.searchsorted(trade.opened, side="left"))
    closed = int(bars.ts.searchsorted(trade.closed, side="left"))
    if not NOISE_BARS <= opened <= closed < len(bars):
        return {}
    window = slice(opened - NOISE_BARS, opened)
    unit = float((bars.high[window] - bars.low[window]).mean())
    if not unit > 0:
        return {}
    sign = 1.0 if trade.side is Side.LONG else -1.0
    entry, leave = float(trade.entry), float(trade.exit)
    found = {}
    for name, minutes in LATER.items():
        price = _close_at(bars, trade.closed + minutes * MINUTE)
        if price is not None:
            found[name] = sign * (price - leave) / unit
    for name, minutes in TIMED.items():
        moment = trade.opened + minutes * MINUTE
        price = _close_at(bars, moment) if moment < trade.closed else leave
        if price is not None:
            found[name] = sign * (price - leave) / unit
    if opened + 1 < closed:
        found["entry_a_bar_later"] = sign * (entry - float(bars.open[opened + 1])) / unit
    found["half_the_size"] = -0.5 * sign * (leave - entry) / unit
    return found


def _close_at(bars: SnapshotBars, moment: int) -> float | None:
    """Return the last close by a moment (UTC ns), None where it is old or not known yet."""
    at = int(bars.ts.searchsorted(moment, side="right")) - 1
    if at < 0 or moment > int(bars.ts[-1]) or moment - int(bars.ts[at]) > 5 * MINUTE:
        return None
    return float(bars.close[at])


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
