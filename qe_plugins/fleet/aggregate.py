"""Aggregate of many answers: robust mean, conflict, coverage, effective number of votes, ranking.

Answers of one model are correlated, and are not counted as independent votes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import msgspec

from qe_plugins.recordings.pooling import (
    effective_size,
    median_deviation,
    robust_mean,
    weighted_mean,
)

SIDE = 0.1  # a score closer to zero is neither long nor short
CONFLICT = 0.5  # the smaller side has a quarter of the long and short votes
CANDIDATES = 5
EXCEPTIONS = 2


class Vote(msgspec.Struct, frozen=True):
    """One answer about one target: score, confidence and reason."""

    target: str
    score: float
    confidence: float
    reason: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """A target and the aggregate of its votes."""

    target: str
    score: float
    confidence: float
    votes: int

    @property
    def strength(self) -> float:
        """Return the key that candidates are ranked by."""
        return abs(self.score) * self.confidence


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """Aggregate of the workers under a node. `missing` counts absent answers by reason.

    `score` is the robust mean and `spread` the median absolute deviation; `conflict` is 0 where
    all agree and 1 where both sides are even; `effective` is the effective number of independent
    votes at the `correlation` between them. `exceptions` are the votes furthest from the mean,
    where there is a conflict.
    """

    expected: int
    answered: int
    missing: dict[str, int]
    score: float
    spread: float
    confidence: float
    long: int
    short: int
    correlation: float
    candidates: tuple[Candidate, ...] = ()
    exceptions: tuple[Vote, ...] = ()

    @property
    def coverage(self) -> float:
        """Return the part of the expected answers that arrived, 0 to 1."""
        return self.answered / self.expected if self.expected else 0.0

    @property
    def conflict(self) -> float:
        """Return how evenly long and short votes are divided, 0 to 1."""
        sides = self.long + self.short
        return 2 * min(self.long, self.short) / sides if sides else 0.0

    @property
    def effective(self) -> float:
        """Return the effective number of independent votes."""
        return effective_size(self.answered, self.correlation)


def pool(votes: Sequence[Vote], missing: Counter[str], correlation: float) -> Aggregate:
    """Return the aggregate of a supervisor's workers; `correlation` is a lower bound."""
    scores = [vote.score for vote in votes]
    score = robust_mean(scores, [vote.confidence for vote in votes])
    return _rounded_aggregate(
        expected=len(votes) + missing.total(),
        answered=len(votes),
        missing=dict(sorted(missing.items())),
        score=score,
        spread=median_deviation(scores),
        confidence=fmean(vote.confidence for vote in votes) if votes else 0.0,
        long=sum(one > SIDE for one in scores),
        short=sum(one < -SIDE for one in scores),
        correlation=max(correlation, _intraclass_correlation(votes)),
        candidates=_ranked(_candidates(votes)),
        against=sorted(votes, key=lambda vote: (-abs(vote.score - score), vote.target)),
    )


def merge(children: Sequence[Aggregate], lost: Aggregate | None = None) -> Aggregate:
    """Return the aggregate of several; `lost` counts the answers under missing children."""
    every = [*children, *([lost] if lost else [])]
    answered = [one for one in children if one.answered]
    weights = [one.answered for one in answered]
    missing = sum((Counter(one.missing) for one in every), Counter[str]())
    against = [vote for one in answered for vote in one.exceptions]
    return _rounded_aggregate(
        expected=sum(one.expected for one in every),
        answered=sum(weights),
        missing=dict(sorted(missing.items())),
        score=robust_mean([one.score for one in answered], weights),
        spread=weighted_mean([one.spread for one in answered], weights),
        confidence=weighted_mean([one.confidence for one in answered], weights),
        long=sum(one.long for one in answered),
        short=sum(one.short for one in answered),
        correlation=weighted_mean([one.correlation for one in answered], weights),
        candidates=_ranked(
            _merged_candidates(one for child in answered for one in child.candidates)
        ),
        against=against,
    )


def missing_subtree(workers: int, reason: str) -> Aggregate:
    """Return the aggregate of a child that is missing, with all its workers."""
    return pool((), Counter({reason: workers}), 0.0)


def _rounded_aggregate(*, against: Sequence[Vote], **figures: Any) -> Aggregate:
    exact = Aggregate(**figures)
    rounded = {name: round(getattr(exact, name), 6) for name in ROUNDED}
    exceptions = tuple(against[:EXCEPTIONS]) if exact.conflict >= CONFLICT else ()
    return msgspec.structs.replace(exact, exceptions=exceptions, **rounded)


ROUNDED = ("score", "spread", "confidence", "correlation")


def _candidates(votes: Iterable[Vote]) -> list[Candidate]:
    by_target: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_target[vote.target].append(vote)
    return [
        Candidate(
            target,
            round(robust_mean([v.score for v in on], [v.confidence for v in on]), 6),
            round(fmean(v.confidence for v in on), 6),
            len(on),
        )
        for target, on in by_target.items()
    ]


def _merged_candidates(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return one candidate per target, weighted by the votes of each parent."""
    by_target: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_target[one.target].append(one)
    return [_merged_candidate(target, several) for target, several in by_target.items()]


def _merged_candidate(target: str, several: Sequence[Candidate]) -> Candidate:
    votes = [one.votes for one in several]
    score = weighted_mean([one.score for one in several], votes)
    confidence = weighted_mean([one.confidence for one in several], votes)
    return Candidate(target, round(score, 6), round(confidence, 6), sum(votes))


def _ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the strongest candidates; the order of the input does not matter."""
    by_strength = sorted(candidates, key=lambda one: (-one.strength, one.target))
    return tuple(by_strength[:CANDIDATES])


def _intraclass_correlation(votes: Sequence[Vote]) -> float:
    """Return the intraclass correlation of scores within targets, 0 to 1."""
    groups: dict[str, list[float]] = defaultdict(list)
    for vote in votes:
        groups[vote.target].append(vote.score)
    count, kinds = len(votes), len(groups)
    if kinds < 2 or count <= kinds:
        return 0.0
    mean = fmean(vote.score for vote in votes)
    means = {name: fmean(group) for name, group in groups.items()}
    between = sum(len(group) * (means[name] - mean) ** 2 for name, group in groups.items())
    within = sum((one - means[name]) ** 2 for name, group in groups.items() for one in group)
    size = (count - sum(len(group) ** 2 for group in groups.values()) / count) / (kinds - 1)
    high, low = between / (kinds - 1), within / (count - kinds)
    below = high + (size - 1) * low
    return min(max((high - low) / below, 0.0), 1.0) if below else 0.0
