"""GUARDIAN: a posture that expires, tighter than a person's limits and than code's own figures.

Code computes limits from volatility, loss, session and holdings; the model can only tighten them.
Without an answer no posture is published: the last one expires, and nothing new is opened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from qe_plugins.fleet.messaging.outbox import PostureBody
from qe_plugins.fleet.patterns import checked
from qe_plugins.fleet.recording.points import root_in
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.role import RoleWork, figures_of
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.market.sessions import minutes_to_break
from qe_plugins.plugins.types import Posture, Role, Side
from qe_plugins.recordings.postures import loosened, tightest

MINUTE = 60_000_000_000
RECENT, USUAL = 30, 600
"""Minute bars of the recent volatility, and of that which it is compared with."""

WILD, STORM = 2.0, 4.0
"""Recent over usual volatility: from the first half the contracts, from the second none."""

BEFORE_BREAK = 15.0
"""Minutes before a maintenance break or the close from which nothing is opened."""


class GuardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A guardian's answer: it can only lower the risk."""

    part: Annotated[float, Meta(ge=0, le=1, description="part of a person's limits to allow")]
    long: Annotated[bool, Meta(description="whether long positions may be opened")]
    short: Annotated[bool, Meta(description="whether short positions may be opened")]
    halt: Annotated[bool, Meta(description="true: open nothing")]
    minutes: Annotated[int, Meta(ge=1, le=60, description="minutes until it expires")]
    reason: Annotated[
        str,
        Meta(min_length=1, max_length=280, description="one sentence; figures as a tool gave them"),
    ]


class CodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What code allows, and the figures it rests on.

    `volatility` is the recent one over the usual of the most volatile instrument, None where one
    has too few bars or none that moved; `minutes_left` are those to the next break, None where the
    hours are unknown. Where one of the two is None nothing is allowed.
    """

    part: float
    halt: bool
    reason: str
    volatility: float | None
    minutes_left: float | None


class GuardOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The posture to publish, None without an answer; and what code made of the answer.

    `decided` is the moment it holds from, UTC nanoseconds.
    `refused` names the fields in which it is looser than one still in force: there the earlier one
    holds until it expires.
    """

    decided: int
    posture: Posture | None
    in_force: Posture | None
    code: CodeLimits
    refused: tuple[str, ...] = ()
    wrong_figures: tuple[str, ...] = ()


def code_limits(context: RoleContext) -> CodeLimits:
    """Return what code allows at the moment of the context."""
    ratio = _most_volatile(context)
    left = _minutes_left(context)
    limits = context.limits
    if context.loss >= limits.max_loss:
        part, halt, reason = 0.0, True, "the session's loss has reached its limit"
    elif left is None:
        part, halt, reason = 0.0, True, "the market is closed, or its hours are unknown"
    elif left <= BEFORE_BREAK:
        part, halt, reason = 0.0, True, "close to the break"
    elif ratio is None:
        part, halt, reason = 0.0, True, "the usual volatility is unknown: too few bars"
    elif not ratio < STORM:
        part, halt, reason = 0.0, True, "far above usual volatility"
    elif ratio >= WILD:
        part, halt, reason = 0.5, False, "above usual volatility"
    else:
        part, halt, reason = 1.0, False, "usual volatility"
    return CodeLimits(
        part=part,
        halt=halt,
        reason=reason,
        volatility=None if ratio is None else round(ratio, 2),
        minutes_left=None if left is None else round(left, 1),
    )


def inputs(context: RoleContext) -> dict[str, Any]:
    """Return what the prompt shows: what code allows, and what is held."""
    code = code_limits(context)
    return {
        "instruments": [context.mask.name(one) for one in context.market.instruments],
        "code": msgspec.to_builtins(code),
        "loss_part": _loss_part(context),
        "minutes_at_most": int(context.limits.validity // 60),
    }


def _loss_part(context: RoleContext) -> float:
    """Return the part of a person's limit that the session has lost."""
    return round(float(context.loss / context.limits.max_loss), 2)


def rule(given: dict[str, Any]) -> Steps:
    """Look at what is held and at each market, and allow what code allows."""
    yield [("positions", {}), ("posture", {}), ("news", {})]
    looks = [
        ("features", {"instrument": name, "timeframe": "1m", "bars": 60})
        for name in given["instruments"][:6]
    ]
    yield looks
    code = given["code"]
    part, known = code["part"] * max(1.0 - given["loss_part"], 0.0), code["volatility"]
    reason = code["reason"] if known is None else f"{code['reason']}: volatility {known:g}"
    reason += f"; loss {given['loss_part']:g} of its limit" if given["loss_part"] > 0 else ""
    return GuardAnswer(
        part=round(part, 3),
        long=not code["halt"],
        short=not code["halt"],
        halt=code["halt"],
        minutes=max(min(given["minutes_at_most"], 15), 1),
        reason=reason,
    )


def outcome(context: RoleContext, session: SessionResult[GuardAnswer]) -> GuardOutcome:
    """Return the posture of a session: at every field the tighter of the model's and of code's."""
    code, before = code_limits(context), tightest(context.postures)
    answer = session.answer
    if answer is None:
        return GuardOutcome(decided=context.as_of, posture=None, in_force=before, code=code)
    figures = {"part": answer.part, "minutes": float(answer.minutes), "loss": _loss_part(context)}
    figures |= {} if code.volatility is None else {"volatility": code.volatility}
    figures |= figures_of(session.exchanges, "features")
    sentence = checked(answer.reason, figures)
    part = min(answer.part, code.part)
    limits = context.limits
    sides = tuple(
        side
        for side, allowed in ((Side.LONG, answer.long), (Side.SHORT, answer.short))
        if allowed and side in limits.sides
    )
    contracts = int(limits.max_contracts * part)
    validity = min(answer.minutes * 60.0, limits.validity)
    posture = Posture(
        reason=answer.reason if sentence.held else code.reason,
        halt=answer.halt or code.halt or not contracts or not sides,
        max_contracts=contracts,
        valid_until=context.as_of + int(validity * 1e9),
        source="guardian",
        sides=sides,
        max_loss=round(limits.max_loss * Decimal(str(part)), 2),
    )
    return GuardOutcome(
        decided=context.as_of,
        posture=posture,
        in_force=tightest([*context.postures, posture]),
        code=code,
        refused=() if before is None else loosened(before, posture),
        wrong_figures=sentence.wrong,
    )


def facts(context: RoleContext, found: GuardOutcome, cause: str) -> list[Fact]:
    """Return the posture, and a failure for each field in which it was looser than before."""
    made = []
    if found.posture is not None:
        made.append(_fact(context, "posture:1", FactKind.POSTURE, cause, _body(found)))
    problems = [f"loosening of {one} refused" for one in found.refused]
    problems += [f"figure {one} is wrong" for one in found.wrong_figures]
    if found.posture is None:
        problems.append("no posture: the last one expires, and nothing new is opened")
    made += [
        _fact(context, f"failure:{n}", FactKind.FAILURE, cause, {"what": "posture", "error": one})
        for n, one in enumerate(problems, 1)
    ]
    return made


def message(found: GuardOutcome) -> PostureBody | None:
    """Return the posture for the bus."""
    if (one := found.posture) is None:
        return None
    return PostureBody(
        score=0.0,
        confidence=1.0,
        coverage=1.0,
        effective=1.0,
        reason=one.reason,
        halt=one.halt,
        risk=0.0 if one.halt else found.code.part,
    )


def _most_volatile(context: RoleContext) -> float | None:
    """Return the highest volatility of the instruments, None where that of one is unknown."""
    every = [_volatility(context, one) for one in context.market.instruments]
    known = [one for one in every if one is not None]
    return max(known) if known and len(known) == len(every) else None


def _volatility(context: RoleContext, instrument: str) -> float | None:
    """Return the recent over the usual mean range of a bar, None where bars are too few."""
    bars = context.market.bars(instrument, "1m")
    if len(bars) < RECENT + USUAL // 2:
        return None
    ranges = (bars.high - bars.low)[-USUAL:]
    usual = float(ranges[:-RECENT].mean())
    return float(ranges[-RECENT:].mean()) / usual if usual > 0 else None


def _minutes_left(context: RoleContext) -> float | None:
    moment = datetime.fromtimestamp(context.as_of / 1e9, UTC)
    roots = {root_in(one) for one in context.market.instruments}
    known = [minutes_to_break(root, moment) for root in roots if root]
    return min((one for one in known if one is not None), default=None)


def _fact(
    context: RoleContext, name: str, kind: FactKind, cause: str, body: dict[str, Any]
) -> Fact:
    return Fact(
        id=name, kind=kind, ts_event=context.as_of, source="guardian", cause=cause, body=body
    )


def _body(found: GuardOutcome) -> dict[str, Any]:
    one = found.posture
    assert one is not None
    return {
        "reason": one.reason,
        "halt": one.halt,
        "max_contracts": one.max_contracts,
        "valid_until": one.valid_until,
        "sides": list(map(str, one.sides or ())),
        "max_loss": str(one.max_loss),
        "refused": list(found.refused),
        "code": msgspec.to_builtins(found.code),
    }


GUARDIAN = RoleWork(
    role=Role.GUARDIAN,
    answer_type=GuardAnswer,
    inputs=inputs,
    rule=rule,
    outcome=outcome,
    facts=facts,
    message=message,
)
