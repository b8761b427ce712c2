"""How votes become one opinion, and how many independent votes they are.

A fleet pools its answers by these formulas, and an ablation those of fewer of its workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from qe_plugins.recordings.records import RecordedOpinion, RecordedVote

WIDEST = 3 * 1.4826  # median deviations beyond which a score is winsorised: 3 standard deviations


def effective_size(count: int, correlation: float) -> float:
    """Return n / (1 + (n - 1) r), the effective number of `count` votes with correlation `r`."""
    return count / (1 + (count - 1) * correlation) if count else 0.0


def robust_mean(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean with outliers winsorised at three deviations; 0 of no scores."""
    if not scores:
        return 0.0
    middle, width = median(scores), WIDEST * median_deviation(scores)
    clipped = [min(max(one, middle - width), middle + width) for one in scores]
    return weighted_mean(clipped if width else scores, weights)


def median_deviation(scores: Sequence[float]) -> float:
    """Return the median absolute deviation from the median; 0 of no scores."""
    if not scores:
        return 0.0
    middle = median(scores)
    return median(abs(one - middle) for one in scores)


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean; the plain one where all weights are 0, and 0 of no values."""
    total = sum(weights)
    if not values:
        return 0.0
    if not total:
        return fmean(values)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / total


def opinions_of(votes: Iterable[RecordedVote]) -> tuple[RecordedOpinion, ...]:
    """Return one opinion for each instrument that the votes are about, by its name."""
    by_instrument: dict[str, list[RecordedVote]] = {}
    for vote in votes:
        by_instrument.setdefault(vote.instrument, []).append(vote)
    return tuple(
        RecordedOpinion(
            instrument=name,
            score=round(robust_mean([one.score for one in of], [one.confidence for one in of]), 6),
            confidence=round(fmean(one.confidence for one in of), 6),
            votes=len(of),
        )
        for name, of in sorted(by_instrument.items())
    )
