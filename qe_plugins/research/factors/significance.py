"""Which factors hold in two halves of a history, and how many chance alone would have left.

Everything here works on session scores: one row a session, one column a factor, so that labels that
overlap within a day add nothing to the sample size. A factor's statistic is the smaller |t| of the
two halves where both have one sign, and 0 elsewhere: it is large only if the factor holds twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from statistics import NormalDist

import msgspec
import numpy as np

from qe_plugins.errors import DataError

type Matrix = np.ndarray

NORMAL = NormalDist()

NORMAL_TAIL = 0.5
LEAST_SESSIONS = 120
"""A half of fewer sessions is refused: its t has no useful distribution."""

BLOCK = 200
"""Bootstrap draws that are held in memory at once."""

LEAST_P = 1e-300
"""A smaller p-value has no quantile in floating point."""


class Yardstick(msgspec.Struct, frozen=True):
    """How many factors chance leaves with |t| above the level in both halves, of one sign.

    `arithmetic` assumes independent factors; `mean` and `spread` are those of the bootstrap of this
    very matrix, whose factors are correlated. `critical` is the statistic that the best of all
    factors exceeds by chance with the family-wise level.
    """

    arithmetic: float
    mean: float
    spread: float
    critical: float
    draws: int


class Significance(msgspec.Struct, frozen=True):
    """The test of all factors at once. Arrays have an entry a factor, in the given order.

    `adjusted` is the family-wise p-value of the step-down procedure (Romano and Wolf), `fdr` that
    of Benjamini and Yekutieli, which holds under any dependence, `bh` that of Benjamini and
    Hochberg.
    """

    explore: Matrix
    confirm: Matrix
    statistic: Matrix
    adjusted: Matrix
    bh: Matrix
    fdr: Matrix
    yardstick: Yardstick

    def survivors(self, level: float) -> Matrix:
        """Return which factors have |t| above `level` in both halves, with one sign."""
        return np.asarray(self.statistic > level)

    def family_wise(self, level: float) -> Matrix:
        """Return which factors are significant at the family-wise `level`, such as 0.05."""
        return np.asarray(self.adjusted <= level)


def t_values(scores: Matrix) -> Matrix:
    """Return the t of each column's mean; 0 where a column does not vary."""
    count = len(scores)
    mean, spread = scores.mean(axis=0), scores.std(axis=0, ddof=1)
    return np.where(spread > 0, mean / np.where(spread > 0, spread, 1.0) * math.sqrt(count), 0.0)


def held_twice(explore: Matrix, confirm: Matrix) -> Matrix:
    """Return the smaller |t| of both halves where they have one sign, and 0 elsewhere."""
    smaller = np.minimum(np.abs(explore), np.abs(confirm))
    return np.asarray(np.where(explore * confirm > 0, smaller, 0.0))


def examine(
    explore: Matrix,
    confirm: Matrix,
    *,
    survive: float = 2.0,
    family_wise: float = 0.05,
    draws: int = 2_000,
    seed: int = 1,
) -> Significance:
    """Test all factors in two halves of session scores. Raises DataError for too few sessions.

    The bootstrap multiplies each session's centred scores by an exponential weight of mean 1, one
    weight a session and draw, so that the dependence among factors is kept.
    """
    for name, half in (("explore", explore), ("confirm", confirm)):
        if len(half) < LEAST_SESSIONS:
            hint = "Take a longer history."
            message = f"the {name} half has {len(half)} sessions, at least {LEAST_SESSIONS} needed."
            raise DataError(message, hint=hint)
    first, second = t_values(explore), t_values(confirm)
    observed = held_twice(first, second)
    counts: list[Matrix] = []
    maxima: list[Matrix] = []

    def noted() -> Iterator[Matrix]:
        random = np.random.default_rng(seed)
        for null in _null_statistics(explore, confirm, draws, random):
            counts.append((null > survive).sum(axis=1))
            maxima.append(null.max(axis=1))
            yield null

    adjusted = step_down(noted(), observed, draws)
    chance = np.concatenate(counts)
    raw = _both_tails(observed)
    return Significance(
        explore=first,
        confirm=second,
        statistic=observed,
        adjusted=adjusted,
        bh=step_up(raw, 1.0),
        fdr=step_up(raw, _harmonic(len(raw))),
        yardstick=Yardstick(
            arithmetic=len(observed) * 2 * _tail(survive) ** 2,
            mean=float(chance.mean()),
            spread=float(chance.std(ddof=1)),
            critical=float(np.quantile(np.concatenate(maxima), 1 - family_wise)),
            draws=draws,
        ),
    )


def step_down(nulls: Iterable[Matrix], observed: Matrix, draws: int) -> Matrix:
    """Return the family-wise p-value of each statistic (Romano and Wolf).

    `nulls` have a row a draw and a column a statistic, `draws` rows together. The k-th largest
    statistic is compared with the best of those that are not rejected before it.
    """
    order = np.argsort(-observed, kind="stable")
    exceeded = np.zeros(len(observed))
    for null in nulls:
        remaining = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
        exceeded += (remaining >= observed[order]).sum(axis=0)
    adjusted = np.empty(len(observed))
    adjusted[order] = np.maximum.accumulate((1 + exceeded) / (1 + draws))
    return adjusted


def _null_statistics(
    explore: Matrix, confirm: Matrix, draws: int, random: np.random.Generator
) -> list[Matrix] | map[Matrix]:
    halves = [_standardized(explore), _standardized(confirm)]
    sizes = [min(BLOCK, draws - at) for at in range(0, draws, BLOCK)]

    def drawn(size: int) -> Matrix:
        first, second = (_drawn_t(half, size, random) for half in halves)
        return held_twice(first, second)

    return map(drawn, sizes)


def _standardized(scores: Matrix) -> Matrix:
    centred = scores - scores.mean(axis=0)
    spread = scores.std(axis=0, ddof=1)
    return np.asarray(centred / np.where(spread > 0, spread, np.inf), dtype=np.float32)


def _drawn_t(standardized: Matrix, size: int, random: np.random.Generator) -> Matrix:
    count = len(standardized)
    weights = random.exponential(size=(size, count)).astype(np.float32)
    weights /= weights.mean(axis=1, keepdims=True)
    return np.asarray((weights - 1) @ standardized / math.sqrt(count))


def step_up(p_values: Matrix, penalty: float) -> Matrix:
    """Return p-values adjusted for the false discovery rate; `penalty` 1 is Benjamini-Hochberg."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * count * penalty / np.arange(1, count + 1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    return adjusted


def haircut(t: float, adjusted: float) -> float:
    """Return the part of a t that is lost where its p-value is the adjusted one; 1 for all."""
    if t <= 0 or adjusted >= 1:
        return 1.0
    p = max(math.sqrt(adjusted / 2), LEAST_P)  # in both halves, as the p-value is
    left = -NORMAL.inv_cdf(p)
    return min(max(1 - left / t, 0.0), 1.0)


def _harmonic(count: int) -> float:
    return float((1.0 / np.arange(1, count + 1)).sum())


def _both_tails(statistic: Matrix) -> Matrix:
    """Return the chance that one factor reaches `statistic` in both halves with one sign."""
    return np.array([min(1.0, 2 * _tail(value) ** 2) if value > 0 else 1.0 for value in statistic])


def _tail(value: float) -> float:
    return NORMAL_TAIL * math.erfc(value / math.sqrt(2))
