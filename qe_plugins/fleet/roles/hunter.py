"""HUNTER: scouts over windows and its captains' aggregates, and proposes positions that expire.

A signal is a proposal only. Entry, stop and target are worked out in code from the model's choice
of side, stop distance and horizon; a sentence with a figure that no tool returned refuses it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from qe_plugins.fleet.messaging.outbox import FindingBody, RankedTarget
from qe_plugins.fleet.patterns import Sighting, checked, ranked
from qe_plugins.fleet.recording.points import root_in
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.role import RoleWork, figures_of
from qe_plugins.fleet.sessions.records import SessionResult
from qe_plugins.fleet.sessions.rules import Steps
from qe_plugins.fleet.tools.market import true_range
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.market.specs import market
from qe_plugins.plugins.types import Role, Side, Signal

FRAMES = ("1m", "5m", "15m")
BARS = 60
MOST = 3
LEAST = 0.25
"""The smallest score of a sighting that the rule proposes."""

SECOND = 1_000_000_000
MINUTES = {"1m": 30, "5m": 120, "15m": 240}
"""Minutes that the rule would hold a position it saw in a timeframe."""


class HuntedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A position that a hunter proposes, in the units of its tools."""

    instrument: Annotated[str, Meta(max_length=60, description="a name as the tools list it")]
    timeframe: Annotated[Literal["1m", "5m", "15m", "30m", "1h"], Meta(description="seen in")]
    side: Annotated[Literal["long", "short"], Meta(description="direction")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="how often this turns out right")]
    stop: Annotated[float, Meta(ge=0.5, le=50, description="stop in mean true ranges of a minute")]
    reward: Annotated[float, Meta(ge=0.2, le=10, description="target in units of the stop")]
    horizon: Annotated[int, Meta(ge=1, le=1_380, description="minutes to hold at most")]
    expires: Annotated[int, Meta(ge=1, le=240, description="minutes until it counts no more")]
    reason: Annotated[
        str,
        Meta(min_length=1, max_length=280, description="one sentence; figures as a tool gave them"),
    ]


class HuntAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A hunter's answer: at most three positions, none where nothing is worth it."""

    signals: Annotated[list[HuntedSignal], Meta(max_length=MOST)]


class RefusedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that code refused, and why."""

    instrument: str
    reason: str


class HuntOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a hunt proposes. A session without an answer proposes nothing."""

    signals: tuple[Signal, ...] = ()
    refused: tuple[RefusedSignal, ...] = ()


def inputs(context: RoleContext) -> dict[str, Any]:
    """Return what the prompt shows: names, timeframes, and the domains of the captains."""
    fleet = context.loaded.fleet
    domains = next((one.captains for one in fleet.coordinators if one.desk is Role.HUNTER), [])
    return {
        "instruments": [context.mask.name(one) for one in context.market.instruments],
        "timeframes": list(FRAMES),
        "bars": BARS,
        "captains": domains,
        "at_most": MOST,
    }


def rule(given: dict[str, Any]) -> Steps:
    """Look at every window, ask the captains, and propose the strongest sighting a market."""
    wanted = [(name, frame) for name in given["instruments"] for frame in given["timeframes"]]
    seen: list[Sighting] = []
    for part in (wanted[n : n + 6] for n in range(0, min(len(wanted), 18), 6)):
        results = yield [
            ("features", {"instrument": name, "timeframe": frame, "bars": given["bars"]})
            for name, frame in part
        ]
        seen += [
            Sighting(target=f"{name} {frame}", score=lean_of(facts), facts=facts)
            for (name, frame), facts in zip(part, results, strict=True)
            if facts is not None
        ]
    below: dict[str, float] = {}
    if given["captains"]:
        [found] = yield [("deploy", {"domains": given["captains"]})]
        targets = found["targets"] if found else []
        below = {one["target"]: one["score"] for one in targets}
    best: dict[str, Sighting] = {}
    for one in ranked(seen, len(seen)):
        best.setdefault(one.target.rpartition(" ")[0], one)
    return HuntAnswer(
        signals=[
            _proposal(one, below)
            for one in list(best.values())[: given["at_most"]]
            if abs(one.score) >= LEAST and below.get(one.target, one.score) * one.score >= 0
        ]
    )


def lean_of(facts: dict[str, float]) -> float:
    """Return which way a window leans, -1 to 1: its trend, less where it is already extended."""
    trend = math.tanh(facts.get("momentum", 0.0) / 2)
    extended = abs(facts.get("place", 0.5) - 0.5) * 2
    return round(trend * (1 - 0.3 * extended), 3)


def _proposal(one: Sighting, below: dict[str, float]) -> HuntedSignal:
    name, _, frame = one.target.rpartition(" ")
    facts = one.facts
    agreed = ", and the captains agree" if one.target in below else ""
    return HuntedSignal(
        instrument=name,
        timeframe=frame,  # type: ignore[arg-type]
        side="long" if one.score > 0 else "short",
        confidence=round(0.5 + min(abs(one.score), 1.0) * 0.05, 3),
        stop=3.0,
        reward=2.0,
        horizon=MINUTES.get(frame, 240),
        expires=15,
        reason=f"momentum {facts['momentum']:g} with trend_t {facts['trend_t']:g}{agreed}",
    )


def outcome(context: RoleContext, session: SessionResult[HuntAnswer]) -> HuntOutcome:
    """Return the signals of a session, each with prices, horizon and expiry from code."""
    signals, refused = [], []
    for one in session.answer.signals if session.answer else ():
        wrong = _objection(context, session, one)
        if wrong:
            refused.append(RefusedSignal(instrument=one.instrument, reason=wrong))
        else:
            signals.append(_signal(context, one))
    return HuntOutcome(signals=tuple(signals), refused=tuple(refused))


def _objection(context: RoleContext, session: SessionResult[HuntAnswer], one: HuntedSignal) -> str:
    """Return why a proposal is refused, empty where it is not."""
    names = [context.mask.name(name) for name in context.market.instruments]
    if one.instrument not in names:
        return "no such instrument"
    facts = figures_of(
        session.exchanges, "features", instrument=one.instrument, timeframe=one.timeframe
    )
    if not facts:
        return f"no tool looked at {one.timeframe}"
    facts |= {"stop": one.stop, "horizon": float(one.horizon), "confidence": one.confidence}
    sentence = checked(one.reason, facts)
    if not sentence.held:
        return f"figures that no tool returned: {', '.join(sentence.wrong)}"
    return "" if true_range(_bars(context, one)) > 0 else "too few bars for a stop"


def _bars(context: RoleContext, one: HuntedSignal) -> Any:
    names = {context.mask.name(name): name for name in context.market.instruments}
    return context.market.bars(names[one.instrument], "1m")


def _signal(context: RoleContext, one: HuntedSignal) -> Signal:
    names = {context.mask.name(name): name for name in context.market.instruments}
    contract = names[one.instrument]
    tick = market(root_in(contract)).tick
    bars = _bars(context, one)
    entry = (Decimal(repr(float(bars.close[-1]))) / tick).to_integral_value() * tick
    risk = max(math.ceil(one.stop * true_range(bars) / float(tick)), 1)
    up = 1 if one.side == "long" else -1
    return Signal(
        instrument_id=contract,
        side=Side.LONG if up > 0 else Side.SHORT,
        reason=one.reason,
        confidence=one.confidence,
        entry=entry,
        stop=entry - up * risk * tick,
        target=entry + up * max(math.ceil(risk * one.reward), 1) * tick,
        horizon=one.horizon * 60.0,
        expires=context.as_of + one.expires * 60 * SECOND,
        source="hunter",
        ts_event=context.as_of,
    )


def facts(context: RoleContext, found: HuntOutcome, cause: str) -> list[Fact]:
    """Return a vote for each signal, and a failure for each proposal that was refused."""
    votes = [
        Fact(
            id=f"vote:{number}",
            kind=FactKind.VOTE,
            ts_event=context.as_of,
            source="hunter",
            cause=cause,
            body={
                name: value
                for name, value in msgspec.to_builtins(one).items()
                if name not in ("id", "ts_event", "source")
            },
        )
        for number, one in enumerate(found.signals, 1)
    ]
    refusals = [
        Fact(
            id=f"failure:{number}",
            kind=FactKind.FAILURE,
            ts_event=context.as_of,
            source="hunter",
            cause=cause,
            body={"what": f"proposal for {one.instrument} refused", "error": one.reason},
        )
        for number, one in enumerate(found.refused, 1)
    ]
    return [*votes, *refusals]


def message(found: HuntOutcome) -> FindingBody | None:
    """Return the finding for the bus; nothing where nothing was found."""
    if not found.signals:
        return None
    signs = {Side.LONG: 1.0, Side.SHORT: -1.0}
    targets = [
        RankedTarget(f"{one.instrument_id} signal", signs[one.side] * one.confidence)
        for one in found.signals
    ]
    first = found.signals[0]
    return FindingBody(
        score=targets[0].score,
        confidence=first.confidence,
        coverage=1.0,
        effective=1.0,
        reason=first.reason,
        targets=tuple(targets),
    )


HUNTER = RoleWork(
    role=Role.HUNTER,
    answer_type=HuntAnswer,
    inputs=inputs,
    rule=rule,
    outcome=outcome,
    facts=facts,
    message=message,
)
