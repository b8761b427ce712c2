"""What is computed of a window before anybody is asked: numbers that no level or date shows in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np

from qe_plugins.fleet.tasks.snapshot import SnapshotBars

BPS = 10_000
YEAR_MINUTES = 252 * 1_380
NORMAL = NormalDist()


def window_features(bars: SnapshotBars) -> dict[str, float]:
    """Return a window's features, each from its own bars alone.

    Moves are in basis points of the first open, `momentum` in deviations, `place` is 0 at the low.
    """
    return features_of_windows(bars, len(bars), [0])[0]


def features_of_windows(
    bars: SnapshotBars, count: int, shifts: Sequence[int]
) -> list[dict[str, float]]:
    """Return the features of windows of `count` bars, each ending so many bars before the last.

    All at once: arrays as short as one window cost more to set up than to add.
    """
    rows = len(bars) - count - np.asarray(shifts)[:, None] + np.arange(count)
    logs, volume = np.log(bars.close[rows]), bars.volume[rows]
    moves = np.diff(logs, axis=1)
    deviation = _or_tiny(moves.std(axis=1))
    first, low, high = bars.open[rows[:, 0]], bars.low[rows].min(1), bars.high[rows].max(1)
    width = high - low
    recent = volume[:, -max(count // 5, 1) :].mean(axis=1)
    columns = {
        "move_bps": (BPS * (logs[:, -1] - np.log(first)), 1),
        "deviation_bps": (BPS * deviation, 1),
        "momentum": ((logs[:, -1] - logs[:, 0]) / (deviation * math.sqrt(count - 1)), 2),
        "trend_t": (_trend(logs), 1),
        "place": ((bars.close[rows[:, -1]] - low) / np.where(width, width, 1.0), 2),
        "range_bps": (BPS * width / first, 1),
        "volume_ratio": (_ratio(recent, volume.mean(axis=1)), 2),
        "echo": (_echo(moves), 2),
    }
    listed = [[round(one, digits) for one in of.tolist()] for of, digits in columns.values()]
    return [dict(zip(columns, each, strict=True)) for each in zip(*listed, strict=True)]


def realised(closes: np.ndarray, minutes: int = 1) -> float:
    """Return a year's volatility of closes that are `minutes` apart, as in 0.16."""
    return float(np.diff(np.log(closes)).std()) * math.sqrt(YEAR_MINUTES / minutes)


def black_76(
    right: Literal["call", "put"], strike: float, years: float, volatility: float
) -> dict[str, float]:
    """Return value and Greeks of a European option on a future at 100, rates left out.

    `strike` is in the same units; `vega` is per point of volatility, `theta` per day.
    """
    forward, sign = 100.0, 1 if right == "call" else -1
    width = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / width + width / 2
    d2 = d1 - width
    density = NORMAL.pdf(d1)
    return {
        "value": sign * (forward * NORMAL.cdf(sign * d1) - strike * NORMAL.cdf(sign * d2)),
        "delta": sign * NORMAL.cdf(sign * d1),
        "gamma": density / (forward * width),
        "vega": forward * density * math.sqrt(years) / 100,
        "theta": -forward * density * volatility / (2 * math.sqrt(years)) / 365,
    }


class CrossBacktests:
    """A tape's closes, with the averages that many parameter sets of a cross have in common."""

    def __init__(self, closes: np.ndarray) -> None:
        self._moves = np.diff(np.log(closes))
        self._sums = np.cumsum(np.concatenate([[0.0], closes]))
        self._averages: dict[int, np.ndarray] = {}

    def backtest(self, fast: int, slow: int, cost: float) -> dict[str, float]:
        """Return how a moving-average cross fared: long above, short below, decided a bar before.

        `cost` is a part of the price, a side. Results are basis points, net.
        """
        held = np.sign(self._average(fast)[slow - fast :] - self._average(slow))[:-1]
        turns = np.abs(held)
        turns[1:] = np.abs(held[1:] - held[:-1])  # as np.diff does, which takes longer to begin
        earned = held * self._moves[slow - 1 :] - turns * cost
        curve = earned.cumsum()
        deviation = float(earned.std()) or 1e-12
        half = float(earned[: len(earned) // 2].sum())
        whole = float(curve[-1])
        return {
            "net_bps": _bps(whole),
            "first_half_bps": _bps(half),
            "second_half_bps": _bps(whole - half),
            "drawdown_bps": _bps(float((np.maximum.accumulate(curve) - curve).max())),
            "trades": float(np.count_nonzero(turns)),
            "edge_t": round(whole / deviation / math.sqrt(len(earned)), 2),
        }

    def _average(self, count: int) -> np.ndarray:
        if count not in self._averages:
            self._averages[count] = (self._sums[count:] - self._sums[:-count]) / count
        return self._averages[count]


def _bps(part: float) -> float:
    return round(part * BPS, 1)


def _or_tiny(values: np.ndarray) -> np.ndarray:
    """Return values to divide by: a tiny one in the place of 0."""
    return np.where(values, values, 1e-12)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(below, above, 0.0) / np.where(below, below, 1.0)


def _trend(logs: np.ndarray) -> np.ndarray:
    """Return the t statistic of a straight line through the closes of each window."""
    count = logs.shape[1]
    at = np.arange(count) - (count - 1) / 2
    width = float(at @ at)
    centred = logs - logs.mean(axis=1, keepdims=True)
    slope = (centred * at).sum(axis=1) / width
    rest = centred - slope[:, None] * at
    error = np.sqrt((rest * rest).sum(axis=1) / max(count - 2, 1) / width)
    found: np.ndarray = slope / _or_tiny(error)
    return found


def _echo(moves: np.ndarray) -> np.ndarray:
    """Return how much a move resembles the one before: the first autocorrelation."""
    centred = moves - moves.mean(axis=1, keepdims=True)
    next_to = (centred[:, 1:] * centred[:, :-1]).sum(axis=1)
    found: np.ndarray = next_to / _or_tiny((centred * centred).sum(axis=1))
    return found
