"""How many independent votes a fleet's workers are worth, measured against outcomes.

Two workers that are wrong at the same decisions are one vote twice. The correlation of errors, not
of answers, is what counts: right answers agree too.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from qe_plugins.recordings.pooling import effective_size

ENOUGH = 500
"""Outcomes from which the measured correlation replaces the assumed one."""

GROUPS = 20


class EffectiveVotes(msgspec.Struct, frozen=True, kw_only=True):
    """The correlation of workers' errors with its 95% interval, and the votes that are left of n.

    `outcomes` counts decisions with a known outcome. `measured` says that they are enough; until
    then `votes` is by the assumed correlation.
    """

    workers: int
    outcomes: int
    correlation: float
    low: float
    high: float
    votes: float
    measured: bool


def effective_votes(errors: np.ndarray, assumed: float) -> EffectiveVotes:
    """Return the effective votes of workers from their errors.

    `errors` has a row a decision and a column a worker: 1.0 where it was wrong, 0.0 where right,
    or a real error; NaN where it did not answer. The interval is a jackknife over blocks of
    successive decisions. Raises ValueError for fewer than two workers.
    """
    count, workers = errors.shape
    if workers < 2:
        raise ValueError(f"at least two workers must have votes, was {workers}")
    found = error_correlation(errors)
    blocks = [block for block in np.array_split(np.arange(count), GROUPS) if len(block)]
    left_out = [error_correlation(np.delete(errors, block, axis=0)) for block in blocks]
    spread = np.array([one for one in left_out if math.isfinite(one)])
    parts = len(spread)
    error = math.sqrt((parts - 1) / parts * ((spread - spread.mean()) ** 2).sum()) if parts else 0
    measured = count >= ENOUGH and math.isfinite(found)
    used = max(found, 0.0) if measured else max(assumed, found if math.isfinite(found) else 0.0)
    return EffectiveVotes(
        workers=workers,
        outcomes=count,
        correlation=found,
        low=found - 1.96 * error,
        high=found + 1.96 * error,
        votes=effective_size(workers, used),
        measured=measured,
    )


def error_correlation(errors: np.ndarray) -> float:
    """Return the mean correlation over all pairs of workers, weighted alike; NaN without one.

    Where a worker did not answer, its error counts as its own mean.
    """
    answered = ~np.isnan(errors)
    means = np.nansum(errors, axis=0) / np.maximum(answered.sum(axis=0), 1)
    centred = np.where(answered, errors - means, 0.0)
    width = np.sqrt((centred**2).mean(axis=0))
    varied = width > 0
    workers = int(varied.sum())
    if workers < 2:
        return math.nan
    scaled = centred[:, varied] / width[varied]
    together = (scaled.sum(axis=1) ** 2).mean()  # workers + the sum of all correlations
    return float((together - workers) / (workers * (workers - 1)))
