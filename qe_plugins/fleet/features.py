"""What is computed of a window before anybody is asked: numbers that no level or date shows in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, fmean
from typing import Literal

import numpy as np

from qe_plugins.fleet.state import Bars

BPS = 10_000
YEAR_MINUTES = 252 * 1_380
NORMAL = NormalDist()


def window_features(bars: Bars) -> dict[str, float]:
    """Return a window's features, each from its own bars alone.

    Moves are in basis points of the first open, `momentum` in deviations, `place` is 0 at the low.
    Plain floats, since arrays this short cost more to set up than to add.
    """
    closes, volumes = bars.close.tolist(), bars.volume.tolist()
    logs = list(map(math.log, closes))
    moves = [after - before for before, after in pairwise(logs)]
    deviation = _deviation(moves) or 1e-12
    low, high, first = min(bars.low.tolist()), max(bars.high.tolist()), float(bars.open[0])
    recent = max(len(closes) // 5, 1)
    return {
        "move_bps": _bps(logs[-1] - math.log(first)),
        "deviation_bps": _bps(deviation),
        "momentum": round((logs[-1] - logs[0]) / (deviation * math.sqrt(len(moves))), 2),
        "trend_t": round(_trend(logs), 1),
        "place": round((closes[-1] - low) / ((high - low) or 1.0), 2),
        "range_bps": _bps((high - low) / first),
        "volume_ratio": round(_ratio(fmean(volumes[-recent:]), fmean(volumes)), 2),
        "echo": round(_echo(moves), 2),
    }


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


def cross_backtest(closes: np.ndarray, fast: int, slow: int, cost: float) -> dict[str, float]:
    """Return how a moving-average cross fared: long above, short below, decided a bar before.

    `cost` is a part of the price, a side. Results are basis points, net.
    """
    held = np.sign(_average(closes, fast)[slow - fast :] - _average(closes, slow))[:-1]
    moves = np.diff(np.log(closes[slow - 1 :]))
    turns = np.abs(np.diff(held, prepend=0.0))
    earned = held * moves - turns * cost
    curve = np.cumsum(earned)
    deviation = float(earned.std()) or 1e-12
    half = len(earned) // 2
    return {
        "net_bps": _bps(float(curve[-1])),
        "first_half_bps": _bps(float(earned[:half].sum())),
        "second_half_bps": _bps(float(earned[half:].sum())),
        "drawdown_bps": _bps(float((np.maximum.accumulate(curve) - curve).max())),
        "trades": float(np.count_nonzero(turns)),
        "edge_t": round(float(earned.mean()) / deviation * math.sqrt(len(earned)), 2),
    }


def _bps(part: float) -> float:
    return round(part * BPS, 1)


def _deviation(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in values) / len(values))


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0


def _trend(logs: Sequence[float]) -> float:
    """Return the t statistic of a straight line through the closes."""
    count, mean = len(logs), fmean(logs)
    at = [n - (count - 1) / 2 for n in range(count)]
    width = math.sumprod(at, at)
    slope = math.sumprod(at, logs) / width
    rest = [one - mean - slope * n for one, n in zip(logs, at, strict=True)]
    error = math.sqrt(math.sumprod(rest, rest) / max(count - 2, 1) / width)
    return slope / (error or 1e-12)


def _echo(moves: Sequence[float]) -> float:
    """Return how much a move resembles the one before: the first autocorrelation."""
    mean = fmean(moves)
    centred = [one - mean for one in moves]
    return math.sumprod(centred[1:], centred[:-1]) / (math.sumprod(centred, centred) or 1e-12)


def _average(values: np.ndarray, count: int) -> np.ndarray:
    sums = np.cumsum(np.concatenate([[0.0], values]))
    found: np.ndarray = (sums[count:] - sums[:-count]) / count
    return found
