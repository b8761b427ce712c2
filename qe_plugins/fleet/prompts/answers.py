"""Types of the models' answers. No field is a target, a size or an order: code decides those."""

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
    """A parent's answer about the aggregates of its children."""

    score: Score
    confidence: Confidence
    reason: Reason


class GuardianVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A guardian coordinator's answer: it can only lower the risk. `risk` 0 allows none."""

    score: Score
    confidence: Confidence
    halt: bool
    risk: Annotated[float, Meta(ge=0, le=1, description="part of the usual risk to allow")]
    reason: Reason


class NodeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer of any type, as stored. Only one of a GuardianVerdict has `halt` and `risk`."""

    score: float
    confidence: float
    reason: str
    halt: bool | None = None
    risk: float | None = None


type AnswerType = type[Finding | Verdict | GuardianVerdict]


def answer_type(level: Level, role: Role) -> AnswerType:
    """Return the answer type of a node of this rank under a coordinator of this role."""
    if level is Level.WORKER:
        return Finding
    return GuardianVerdict if level is Level.COORDINATOR and role is Role.GUARDIAN else Verdict
