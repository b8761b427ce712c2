"""Slow definitions of the 40 families in NumPy, from prices, for one bar and window.

Each takes a `Window`: the bars up to and including the one asked about. They share no code with the
package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import erf

import numpy as np

from qe_plugins.bars import Bars

BPS = 1e4
HALF = 0.5


class Window:
    """The last `w` bars up to bar `t`: logs in natural units, returns into each of the bars."""

    def __init__(self, bars: Bars, t: int, w: int) -> None:
        self.bars, self.t, self.w = bars, t, w
        self.logs = np.log(bars.close)
        self.rows = np.arange(t - w + 1, t + 1)
        self.x = self.logs[self.rows]
        self.before = self.logs[np.maximum(self.rows - 1, 0)]
        self.r = self.x - self.before
        self.r1 = self.before - self.logs[np.maximum(self.rows - 2, 0)]
        self.v = bars.volume[self.rows]
        self.o, self.h, self.l = (
            np.log(bars.columns[name][self.rows]) for name in ("open", "high", "low")
        )
        self.half = w // 2

    @property
    def sd(self) -> float:
        return null_if_small(float(self.r.std()), 1e-8)

    @property
    def spread(self) -> float:
        return null_if_small(float(self.x.std()), 1e-7)

    def moves(self, lag: int) -> np.ndarray:
        return self.logs[self.rows] - self.logs[self.rows - lag]

    def details(self, scale: int) -> np.ndarray:
        """Return the Haar details: the sum of `scale` closes less that of those before."""
        found = []
        for j in self.rows:
            late = self.logs[j - scale + 1 : j + 1].sum()
            found.append(late - self.logs[j - 2 * scale + 1 : j - scale + 1].sum())
        return np.array(found)

    def signed(self) -> np.ndarray:
        """Return the volume bought less the volume sold of each bar, by bulk classification."""
        found = []
        returns = np.diff(self.logs, prepend=self.logs[0])
        for j in self.rows:
            scale = math.sqrt((returns[max(j - 59, 0) : j + 1] ** 2).mean())
            share = erf(returns[j] / scale / math.sqrt(2)) if scale > 0 else 0.0
            found.append(self.bars.volume[j] * share)
        return np.array(found)


def null_if_small(value: float, least: float) -> float:
    return value if value > least else math.nan


def ou_slope(before: np.ndarray, moved: np.ndarray) -> float:
    if before.std() <= 1e-7:
        return math.nan
    return float(np.cov(before, moved, bias=True)[0, 1] / before.var())


def entropy(counts: np.ndarray, words: int) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum() / math.log(words))


def drift(s: Window) -> float:
    return float(s.r.mean() / s.sd * math.sqrt(s.w))


def displacement(s: Window) -> float:
    return float((s.x[-1] - s.x.mean()) / s.spread)


def jerk(s: Window) -> float:
    third = s.w // 3
    a, b, c = (s.r[len(s.r) - n * third :][:third].mean() for n in (3, 2, 1))
    return float((c - 2 * b + a) / s.sd)


def kinetic(s: Window) -> float:
    return ln1p((s.v * s.r**2).sum() / s.v.sum())


def ln1p(variance: float) -> float:
    return math.log1p(variance * BPS**2)


def potential(s: Window) -> float:
    stiffness = max(-ou_slope(s.before, s.r), 0.0)
    return ln1p(HALF * stiffness * (s.x[-1] - s.x.mean()) ** 2)


def vwap(s: Window) -> float:
    return float((s.v * s.x).sum() / s.v.sum())


def half_life(s: Window) -> float:
    return math.log(math.log(2) / max(-ou_slope(s.before, s.r), 1e-4))


def critical_slowing(s: Window) -> float:
    cut = s.w - s.half
    return ou_slope(s.before[cut:], s.r[cut:]) - ou_slope(s.before[:cut], s.r[:cut])


def variance_trend(s: Window) -> float:
    cut = s.w - s.half
    late, early = (s.r[cut:] ** 2).mean(), (s.r[:cut] ** 2).mean()
    return math.log(late / early) if late > 0 and early > 0 else math.nan


def scale_slope(energies: list[float]) -> float:
    if min(energies) <= 1e-20:
        return math.nan
    return float(np.polyfit(range(5), np.log2(energies), 1)[0])


def haar(s: Window) -> list[float]:
    return [float((s.details(1 << q) ** 2).sum()) / 4**q for q in range(5)]


def wavelet_entropy(s: Window) -> float:
    energies = np.array(haar(s))
    return entropy(energies, 5) if energies.sum() > 1e-20 else math.nan


def orders(s: Window) -> np.ndarray:
    found = np.zeros(6)
    for j in s.rows:
        ranks = tuple(np.argsort(s.bars.close[j - 2 : j + 1], kind="stable"))
        found[sorted_orders.index(ranks)] += 1
    return found


sorted_orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def words(s: Window) -> np.ndarray:
    close, found = s.bars.close, np.zeros(9)
    for j in s.rows:
        first, second = np.sign(close[j - 1] - close[j - 2]), np.sign(close[j] - close[j - 1])
        found[int(3 * (first + 1) + second + 1)] += 1
    return found


def moment(s: Window, power: int) -> float:
    return float(((s.r - s.r.mean()) ** power).mean() / s.sd**power)


def kyle(s: Window) -> float:
    signed = s.signed()
    if signed.var() <= 1e-9:
        return math.nan
    slope = np.cov(signed, s.r, bias=True)[0, 1] / signed.var()
    return float(slope * s.v.mean() / s.sd)


def amihud(s: Window) -> float:
    traded = s.v > 0
    return math.log1p(float((np.abs(s.r[traded]) / s.v[traded]).mean()) * BPS * 1e3)


def bounce(s: Window) -> float:
    return float((s.r * s.r1).mean() - s.r.mean() ** 2)


def garman_klass(s: Window) -> float:
    body = (2 * math.log(2) - 1) * (s.x - s.o) ** 2
    return ln1p(max((HALF * (s.h - s.l) ** 2 - body).mean(), 0.0))


def rogers_satchell(s: Window) -> float:
    return ln1p(((s.h - s.x) * (s.h - s.o) + (s.l - s.x) * (s.l - s.o)).mean())


def share_of(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


FAMILIES: dict[str, Callable[[Window], float]] = {
    "velocity": lambda s: BPS * s.r.mean(),
    "displacement": displacement,
    "drift": drift,
    "acceleration": lambda s: (s.r[s.w - s.half :].mean() - s.r[: s.w - s.half].mean()) / s.sd,
    "jerk": jerk,
    "phase": lambda s: math.atan2(drift(s), displacement(s)),
    "efficiency": lambda s: share_of(abs(s.r.sum()), np.abs(s.r).sum()),
    "temperature": lambda s: math.log(s.sd**2 * BPS**2),
    "kinetic": kinetic,
    "potential": potential,
    "lagrangian": lambda s: kinetic(s) - potential(s),
    "momentum": lambda s: (s.v * s.r).sum() / s.v.sum() / s.sd,
    "inertia": lambda s: ln1p((s.v * (s.x - vwap(s)) ** 2).sum() / s.v.sum()),
    "vwap_displacement": lambda s: (s.x[-1] - vwap(s)) / s.spread,
    "stiffness": lambda s: -ou_slope(s.before, s.r),
    "half_life": half_life,
    "echo": lambda s: bounce(s) / s.sd**2,
    "critical_slowing": critical_slowing,
    "variance_trend": variance_trend,
    "diffusion_ratio": lambda s: share_of((s.moves(16) ** 2).sum(), 16 * (s.moves(1) ** 2).sum()),
    "hurst": lambda s: scale_slope([float((s.moves(1 << q) ** 2).sum()) for q in range(5)]) / 2,
    "wavelet_slope": lambda s: scale_slope(haar(s)),
    "wavelet_entropy": wavelet_entropy,
    "permutation_entropy": lambda s: entropy(orders(s), 6),
    "symbol_entropy": lambda s: entropy(words(s), 9),
    "skewness": lambda s: moment(s, 3),
    "kurtosis": lambda s: moment(s, 4),
    "jump_share": lambda s: 1 - HALF * math.pi * share_of(np.abs(s.r * s.r1).sum(), (s.r**2).sum()),
    "downside_share": lambda s: share_of((s.r[s.r < 0] ** 2).sum(), (s.r**2).sum()),
    "parkinson_ratio": lambda s: math.log(((s.h - s.l) ** 2).mean() / (4 * math.log(2)) / s.sd**2),
    "garman_klass": garman_klass,
    "rogers_satchell": rogers_satchell,
    "roll_spread": lambda s: 2 * math.sqrt(max(-bounce(s), 0.0)) * BPS,
    "amihud": amihud,
    "kyle_lambda": kyle,
    "imbalance": lambda s: np.abs(s.signed()).sum() / s.v.sum(),
    "volume_surge": lambda s: s.v[s.w - s.half :].mean() / s.v.mean(),
    "volume_dispersion": lambda s: s.v.std() / s.v.mean(),
    "place": lambda s: share_of(s.x[-1] - s.l.min(), s.h.max() - s.l.min()),
    "breakout": lambda s: (s.x[-1] - s.h[:-1].max()) / s.sd,
}
