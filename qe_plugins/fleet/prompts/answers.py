"""What a model may say: no field is a target, a size or an order. Those are the code's."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from qe_plugins.fleet.tree import Level
from qe_plugins.plugins.types import Role

Score = Annotated[float, Meta(ge=-1, le=1, description="-1 to 1, as the question says")]
Confidence = Annotated[float, Meta(ge=0, le=1, description="0 is a guess, 1 is certain")]
Reason = Annotated[str, Meta(min_length=1, max_length=280, description="one sentence")]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's answer to its task."""

    score: Score
    confidence: Confidence
    reason: Reason


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A parent's answer about the aggregates of those under it."""

    score: Score
    confidence: Confidence
    reason: Reason


class GuardianVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a guardian's coordinator answers: it can only take risk away. `risk` 0 is none left."""

    score: Score
    confidence: Confidence
    halt: bool
    risk: Annotated[float, Meta(ge=0, le=1, description="part of the usual risk to allow")]
    reason: Reason


class NodeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer of any type, as it is kept and passed on. Only a caution has `halt` and `risk`."""

    score: float
    confidence: float
    reason: str
    halt: bool | None = None
    risk: float | None = None


type AnswerType = type[Finding | Verdict | GuardianVerdict]


def answer_type(level: Level, role: Role) -> AnswerType:
    """Return what a node of this rank under a coordinator of this role answers with."""
    if level is Level.WORKER:
        return Finding
    return GuardianVerdict if level is Level.COORDINATOR and role is Role.GUARDIAN else Verdict


def said(answer: Finding | Verdict | GuardianVerdict) -> NodeAnswer:
    """Return a typed answer as it is kept."""
    return msgspec.convert(answer, NodeAnswer, from_attributes=True)
