"""Jury: blind seats with distinct prompts, each may abstain; their votes are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qe_plugins.recordings.pooling import effective_size, robust_mean


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """One seat's answer: a score from -1 (against) to 1 (for) and its confidence, or no answer.

    An abstention is silent: no score, and no reason is asked for.
    """

    prompt: str
    score: float | None = None
    confidence: float = 0.0


class JuryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The pooled vote of a jury. `effective` is the number of independent votes that it is worth.

    `score` is None where fewer than two seats voted: then the jury says nothing.
    """

    seats: int
    voted: int
    effective: float
    score: float | None
    dissent: float


def counted(seats: Sequence[Seat], correlation: float) -> JuryVerdict:
    """Return the verdict of seats whose errors have a `correlation` of at least so much.

    Raises ValueError where two seats had the same prompt: they would be one vote.
    """
    if len({one.prompt for one in seats}) < len(seats):
        raise ValueError("every seat of a jury needs a prompt of its own")
    votes = [one for one in seats if one.score is not None]
    scores = [one.score for one in votes if one.score is not None]
    score = robust_mean(scores, [one.confidence for one in votes]) if len(votes) > 1 else None
    against = sum((one > 0) != ((score or 0.0) > 0) for one in scores)
    return JuryVerdict(
        seats=len(seats),
        voted=len(votes),
        effective=round(effective_size(len(votes), correlation), 2),
        score=score,
        dissent=round(against / len(votes), 3) if votes else 0.0,
    )
