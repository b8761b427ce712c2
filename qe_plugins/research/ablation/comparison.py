"""Two arms compared by the differences of their sessions: interval, p-value, smallest effect seen.

A t interval over sessions covers as it says; a percentile block bootstrap excludes zero in 8 to 10%
of comparisons without a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np

LEVEL = 0.05
POWER = 0.80
FEWEST = 20
"""Sessions below which nothing is said of a difference."""

STEPS = 300
TINY = 1e-30


class ArmComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The mean difference of a session, an arm minus another, with its 95% interval.

    `visible` is the smallest difference that such a comparison finds in 80% of cases. Amounts are
    in the currency of the sessions, `p` is two-sided, and adjusted by `holm` where several arms are
    compared.
    """

    sessions: int
    difference: float
    low: float
    high: float
    p: float
    visible: float

    @property
    def above(self) -> bool:
        """Return whether the arm is better: the whole interval is above zero."""
        return self.sessions >= FEWEST and self.low > 0

    @property
    def below(self) -> bool:
        """Return whether the arm is worse: the whole interval is below zero."""
        return self.sessions >= FEWEST and self.high < 0


def compare(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray
) -> ArmComparison:
    """Return the comparison of two arms' P&L of the same sessions, in the same order."""
    apart = np.asarray(one, float) - np.asarray(other, float)
    count = len(apart)
    if count < 2:
        endless = math.inf
        mean = float(apart.mean()) if count else 0.0
        return ArmComparison(
            sessions=count, difference=mean, low=-endless, high=endless, p=1.0, visible=endless
        )
    mean, error = float(apart.mean()), float(apart.std(ddof=1)) / math.sqrt(count)
    freedom = count - 1
    critical = t_quantile(1 - LEVEL / 2, freedom)
    if error == 0.0:  # the same trades, or a constant difference
        p = 1.0 if mean == 0.0 else 0.0
    else:
        p = 2 * (1 - t_probability(abs(mean) / error, freedom))
    return ArmComparison(
        sessions=count,
        difference=mean,
        low=mean - critical * error,
        high=mean + critical * error,
        p=min(p, 1.0),
        visible=(critical + t_quantile(POWER, freedom)) * error,
    )


def aligned(
    one: Mapping[str, float], other: Mapping[str, float]
) -> tuple[list[float], list[float]]:
    """Return the P&L of all sessions of two arms by day; a session without a trade counts as 0."""
    days = sorted({*one, *other})
    return [one.get(day, 0.0) for day in days], [other.get(day, 0.0) for day in days]


def mean_of(controls: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """Return the mean P&L of each session over several controls, such as rotations.

    One rotation is as noisy as the fleet itself; the mean of five halves what it adds to a
    difference.
    """
    found: np.ndarray = np.mean([np.asarray(one, float) for one in controls], axis=0)
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down method."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution, for a probability above one half."""
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if t_probability(middle, freedom) < probability else (low, middle)
        )
    return (low + high) / 2


def t_probability(value: float, freedom: int) -> float:
    """Return the probability that Student's t is below a value of at least 0."""
    share = freedom / (freedom + value * value)
    return 1 - 0.5 * _beta(freedom / 2, 0.5, share)


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    scale = a * math.log(x) + b * math.log1p(-x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + scale) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or TINY)
    found = d
    for n in range(1, STEPS):
        for term in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d = 1 / ((1 + term * d) or TINY)
            c = (1 + term / c) or TINY
            found *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * found
