"""Many answers into one, in code: robust mean, conflict, coverage, effective sample size, rank.

Answers of one model are not independent votes, and are never counted as if they were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

import msgspec

SIDE = 0.1  # a score nearer to zero takes no side
CONFLICT = 0.5  # the smaller side has a quarter of those that take one
WIDEST = 3 * 1.4826  # median deviations beyond which a score is pulled in
CANDIDATES = 5
EXCEPTIONS = 2


class Vote(msgspec.Struct, frozen=True):
    """One answer about one target, as numbers, with what it gave as its reason."""

    target: str
    score: float
    confidence: float
    reason: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """A target and what the votes on it come to."""

    target: str
    score: float
    confidence: float
    votes: int

    @property
    def strength(self) -> float:
        """Return what candidates are ranked by."""
        return abs(self.score) * self.confidence


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers under a node come to. `missing` counts the answers that are not there.

    `score` is the robust mean and `spread` the median deviation; `conflict` is 0 where all sides
    agree and 1 where they are even; `effective` is the number of independent votes that the
    answers are worth, at the `correlation` between them. `exceptions` are the votes most against
    the mean, where there is a conflict.
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
        """Return the part of the expected answers that is there."""
        return self.answered / self.expected if self.expected else 0.0

    @property
    def conflict(self) -> float:
        """Return how evenly those that take a side are divided, 0 to 1."""
        sides = self.long + self.short
        return 2 * min(self.long, self.short) / sides if sides else 0.0

    @property
    def effective(self) -> float:
        """Return how many independent votes the answers are worth."""
        return effective_size(self.answered, self.correlation)


def effective_size(count: int, correlation: float) -> float:
    """Return n / (1 + (n - 1) r): what `count` votes are worth that correlate with `r`."""
    return count / (1 + (count - 1) * correlation) if count else 0.0


def pool(votes: Sequence[Vote], missing: Counter[str], correlation: float) -> Aggregate:
    """Return what a supervisor's workers come to; `correlation` is the least that is believed."""
    scores = [vote.score for vote in votes]
    score = robust_mean(scores, [vote.confidence for vote in votes])
    return _whole(
        expected=len(votes) + missing.total(),
        answered=len(votes),
        missing=dict(sorted(missing.items())),
        score=score,
        spread=_deviation(scores),
        confidence=fmean(vote.confidence for vote in votes) if votes else 0.0,
        long=sum(one > SIDE for one in scores),
        short=sum(one < -SIDE for one in scores),
        correlation=max(correlation, _alike(votes)),
        candidates=_ranked(_candidates(votes)),
        against=sorted(votes, key=lambda vote: (-abs(vote.score - score), vote.target)),
    )


def merge(children: Sequence[Aggregate], lost: Aggregate | None = None) -> Aggregate:
    """Return what several aggregates come to. `lost` counts the answers under absent children."""
    every = [*children, *([lost] if lost else [])]
    heard = [one for one in children if one.answered]
    weights = [one.answered for one in heard]
    missing = sum((Counter(one.missing) for one in every), Counter[str]())
    against = [vote for one in heard for vote in one.exceptions]
    return _whole(
        expected=sum(one.expected for one in every),
        answered=sum(weights),
        missing=dict(sorted(missing.items())),
        score=robust_mean([one.score for one in heard], weights),
        spread=_weighted([one.spread for one in heard], weights),
        confidence=_weighted([one.confidence for one in heard], weights),
        long=sum(one.long for one in heard),
        short=sum(one.short for one in heard),
        correlation=_weighted([one.correlation for one in heard], weights),
        candidates=_ranked(_put_together(one for child in heard for one in child.candidates)),
        against=against,
    )


def absent(expected: int, why: str) -> Aggregate:
    """Return what a child that said nothing comes to."""
    return pool((), Counter({why: expected}), 0.0)


def robust_mean(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean with outliers pulled in to three deviations; 0 of nothing."""
    if not scores:
        return 0.0
    middle, width = median(scores), WIDEST * _deviation(scores)
    pulled = [min(max(one, middle - width), middle + width) for one in scores]
    return _weighted(pulled if width else scores, weights)


def _whole(*, against: Sequence[Vote], **figures: Any) -> Aggregate:
    whole = Aggregate(**figures)
    rounded = {name: round(getattr(whole, name), 6) for name in ROUNDED}
    exceptions = tuple(against[:EXCEPTIONS]) if whole.conflict >= CONFLICT else ()
    return msgspec.structs.replace(whole, exceptions=exceptions, **rounded)


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


def _put_together(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return one candidate a target: what several parents say of it, by their votes."""
    by_target: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_target[one.target].append(one)
    return [_one(target, said) for target, said in by_target.items()]


def _one(target: str, said: Sequence[Candidate]) -> Candidate:
    votes = [one.votes for one in said]
    score = _weighted([one.score for one in said], votes)
    confidence = _weighted([one.confidence for one in said], votes)
    return Candidate(target, round(score, 6), round(confidence, 6), sum(votes))


def _ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the strongest, in the same order whatever order they came in."""
    by_strength = sorted(candidates, key=lambda one: (-one.strength, one.target))
    return tuple(by_strength[:CANDIDATES])


def _alike(votes: Sequence[Vote]) -> float:
    """Return the intraclass correlation of scores within targets, 0 to 1."""
    groups: dict[str, list[float]] = defaultdict(list)
    for vote in votes:
        groups[vote.target].append(vote.score)
    count, kinds = len(votes), len(groups)
    if kinds < 2 or count <= kinds:
        return 0.0
    whole = fmean(vote.score for vote in votes)
    means = {name: fmean(group) for name, group in groups.items()}
    between = sum(len(group) * (means[name] - whole) ** 2 for name, group in groups.items())
    within = sum((one - means[name]) ** 2 for name, group in groups.items() for one in group)
    size = (count - sum(len(group) ** 2 for group in groups.values()) / count) / (kinds - 1)
    high, low = between / (kinds - 1), within / (count - kinds)
    below = high + (size - 1) * low
    return min(max((high - low) / below, 0.0), 1.0) if below else 0.0


def _deviation(scores: Sequence[float]) -> float:
    if not scores:
        return 0.0
    middle = median(scores)
    return median(abs(one - middle) for one in scores)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    if not values:
        return 0.0
    if not total:
        return fmean(values)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / total
