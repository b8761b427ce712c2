"""How much of a result is the search for it: deflated Sharpe ratio, probability of overfitting."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import msgspec
import numpy as np

from qe_plugins.errors import DataError

EULER = 0.5772156649015329
NORMAL = NormalDist()


class DeflatedSharpe(msgspec.Struct, frozen=True):
    """`expected_best` is the Sharpe ratio, a period, that the best of `trials` without skill has.

    `probability` is the chance that the true Sharpe ratio exceeds it.
    """

    sharpe: float
    expected_best: float
    probability: float
    trials: float


def expected_best_sharpe(variance: float, trials: float) -> float:
    """Return the expected largest Sharpe ratio of `trials` without skill (Bailey, Lopez de Prado).

    `variance` is that of the Sharpe ratios among trials, in the same period as the result.
    """
    if trials <= 1:
        return 0.0
    high = NORMAL.inv_cdf(1 - 1 / trials)
    higher = NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * high + EULER * higher)


def probabilistic_sharpe(
    sharpe: float, threshold: float, periods: int, skewness: float, kurtosis: float
) -> float:
    """Return the chance that the true Sharpe ratio exceeds `threshold`, all a period.

    `kurtosis` is 3 for a normal distribution.
    """
    width = math.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return NORMAL.cdf((sharpe - threshold) * math.sqrt(periods - 1) / width)


def deflated_sharpe(returns: np.ndarray, variance: float, trials: float) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio of a series of returns, one a period.

    `variance` is that of the Sharpe ratios among the trials. Raises DataError for returns that do
    not vary or are fewer than 3.
    """
    spread = float(returns.std(ddof=1)) if len(returns) > 2 else 0.0
    if not spread > 0:
        raise DataError("a Sharpe ratio needs at least 3 returns that vary.")
    centred = (returns - returns.mean()) / float(returns.std())
    sharpe = float(returns.mean()) / spread
    best = expected_best_sharpe(variance, trials)
    skewness, kurtosis = float((centred**3).mean()), float((centred**4).mean())
    chance = probabilistic_sharpe(sharpe, best, len(returns), skewness, kurtosis)
    return DeflatedSharpe(sharpe=sharpe, expected_best=best, probability=chance, trials=trials)


def probability_of_overfitting(returns: np.ndarray, parts: int = 16) -> float:
    """Return the share of splits in which the best variant in sample is below median out of it.

    `returns` has a row a period and a column a variant. Combinatorially symmetric cross-validation
    (Bailey, Borwein, Lopez de Prado, Zhu): the periods are cut into `parts`, an even number; each
    choice of half of them is in sample once. Raises DataError for fewer than 2 variants or periods
    than parts.
    """
    periods, variants = returns.shape
    if parts % 2 or variants < 2 or periods < 2 * parts:
        raise DataError(
            f"the probability of overfitting needs at least 2 variants and {2 * parts} periods, "
            f"was {variants} and {periods}, and an even number of parts, was {parts}."
        )
    blocks = np.array_split(returns, parts)
    sums = np.array([block.sum(axis=0) for block in blocks])
    squares = np.array([(block**2).sum(axis=0) for block in blocks])
    counts = np.array([len(block) for block in blocks], dtype=np.float64)
    choices = np.array(list(combinations(range(parts), parts // 2)))
    inside = np.zeros((len(choices), parts))
    inside[np.arange(len(choices))[:, None], choices] = 1
    best = np.argmax(_sharpes(inside, sums, squares, counts), axis=1)
    outside = _sharpes(1 - inside, sums, squares, counts)
    chosen = outside[np.arange(len(best)), best][:, None]
    ranks = ((outside < chosen).sum(axis=1) + 0.5 * (outside == chosen).sum(axis=1)) / variants
    return float((ranks <= 0.5).mean())


def _sharpes(
    chosen: np.ndarray, sums: np.ndarray, squares: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the Sharpe ratio of each variant on each choice of parts; 0 where it does not vary."""
    total = (chosen @ counts)[:, None]
    mean = chosen @ sums / total
    variance = chosen @ squares / total - mean**2
    return np.asarray(np.where(variance > 0, mean / np.sqrt(np.maximum(variance, 1e-300)), 0.0))
