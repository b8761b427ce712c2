"""Whether confidences are as often right as they say: scores against the base rate, by group."""

from __future__ import annotations

import math

import msgspec
import numpy as np

BINS = 10
LEAST = 1e-6


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """Votes of similar probability: how many, what they said on average, how often it came true."""

    count: int
    said: float
    happened: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Brier and log score of probabilities, and those of always saying the base rate.

    Lower is better for both. `difference` is the log score less that of the base rate, with its 95%
    interval.
    """

    count: int
    brier: float
    log_score: float
    base_rate: float
    base_brier: float
    base_log_score: float
    difference: float
    low: float
    high: float
    bins: tuple[ReliabilityBin, ...]

    @property
    def below_base_rate(self) -> bool:
        """Return whether saying nothing but the base rate would have been better."""
        return self.difference > 0


def probability_up(score: float, confidence: float) -> float:
    """Return the probability of a rise that an answer states: its confidence is that of its side.

    A confidence below one half in a side is no more than a guess.
    """
    right = max(confidence, 0.5)
    return right if score > 0 else 1 - right if score < 0 else 0.5


def calibration(
    said: np.ndarray, happened: np.ndarray, decisions: np.ndarray | None = None
) -> Calibration:
    """Return the scores of probabilities against outcomes (1 or 0). Raises ValueError for none.

    `decisions` has the number of each vote's decision: votes of one share its outcome, so that the
    interval counts them as one. Without it all votes are independent.
    """
    if not len(said):
        raise ValueError("there must be at least one vote with an outcome")
    stated = np.clip(said.astype(float), LEAST, 1 - LEAST)
    truth = happened.astype(float)
    base = float(truth.mean())
    losses = _log_losses(stated, truth)
    of_base = _log_losses(np.full(len(truth), np.clip(base, LEAST, 1 - LEAST)), truth)
    apart = losses - of_base
    mean = float(apart.mean())
    error = _error_of_mean(apart, np.arange(len(apart)) if decisions is None else decisions)
    return Calibration(
        count=len(truth),
        brier=float(((stated - truth) ** 2).mean()),
        log_score=float(losses.mean()),
        base_rate=base,
        base_brier=float(((base - truth) ** 2).mean()),
        base_log_score=float(of_base.mean()),
        difference=mean,
        low=mean - 1.96 * error,
        high=mean + 1.96 * error,
        bins=tuple(_bins(stated, truth)),
    )


def _error_of_mean(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the standard error of a mean over groups whose members are not independent."""
    _, places = np.unique(groups, return_inverse=True)
    sums = np.bincount(places, values - values.mean())
    count = len(sums)
    if count < 2:
        return math.inf
    return math.sqrt(float((sums**2).sum()) * count / (count - 1)) / len(values)


def _log_losses(stated: np.ndarray, truth: np.ndarray) -> np.ndarray:
    losses: np.ndarray = -(truth * np.log(stated) + (1 - truth) * np.log(1 - stated))
    return losses


def _bins(stated: np.ndarray, truth: np.ndarray) -> list[ReliabilityBin]:
    places = np.minimum((stated * BINS).astype(int), BINS - 1)
    return [
        ReliabilityBin(
            count=int((places == one).sum()),
            said=round(float(stated[places == one].mean()), 6),
            happened=round(float(truth[places == one].mean()), 6),
        )
        for one in range(BINS)
        if (places == one).any()
    ]
