"""What a trade from each bar would earn in R, and which of them a rule takes.

A trade enters at the open of the bar after its signal and leaves at its stop, or at the close of
the last bar of its horizon. One R is the distance to the stop.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from qe_plugins.fleet.tasks.snapshot import SnapshotBars

NOISE_BARS = 60


class TradeTable(msgspec.Struct, frozen=True):
    """What entering at each bar would earn, in R before costs, and one R there in points.

    Rows are bars at whose close a signal is known; NaN where the horizon has no end in the data.
    """

    long: np.ndarray
    short: np.ndarray
    risk: np.ndarray

    def r(self, at: np.ndarray, sides: np.ndarray, cost: float) -> np.ndarray:
        """Return the R of trades at some bars, net of `cost` points."""
        gross = np.where(sides > 0, self.long[at], self.short[at])
        net: np.ndarray = gross - cost / self.risk[at]
        return net


def trade_table(bars: SnapshotBars, stop: float, horizon: int, delay: int = 0) -> TradeTable:
    """Return the outcome of a trade from every bar, entered `delay` bars later than the next."""
    risk = stop * _mean_true_range(bars)
    long = _outcomes(bars.open, bars.low, bars.close, risk, horizon, delay)
    short = _outcomes(-bars.open, -bars.high, -bars.close, risk, horizon, delay)
    return TradeTable(long, short, risk)


def entries(signals: np.ndarray, table: TradeTable, horizon: int) -> np.ndarray:
    """Return the bars of trades: a signal with an outcome, while no earlier trade is open."""
    known = np.isfinite(table.long) & np.isfinite(table.risk) & (table.risk > 0)
    wanted = np.flatnonzero((signals != 0) & known)
    taken, free = [], -1
    for at in wanted.tolist():
        if at > free:
            taken.append(at)
            free = at + horizon
    return np.array(taken, np.int64)


def t_of(values: np.ndarray) -> float:
    """Return the t statistic of the mean of some values, 0 where there is none."""
    if len(values) < 2 or not values.std():
        return 0.0
    return float(values.mean() / values.std(ddof=1) * math.sqrt(len(values)))


def _outcomes(
    opened: np.ndarray,
    adverse: np.ndarray,
    close: np.ndarray,
    risk: np.ndarray,
    horizon: int,
    delay: int,
) -> np.ndarray:
    """Return the R of a long trade from every bar; `adverse` are the lows."""
    count = len(close)
    first = np.arange(count) + 1 + delay
    found = np.full(count, np.nan)
    valid = first + horizon - 1 < count
    start = first[valid]
    entry, r = opened[start], risk[valid]
    level = entry - r
    result = (close[start + horizon - 1] - entry) / np.where(r > 0, r, np.nan)
    stopped = np.zeros(len(start), bool)
    for step in range(horizon):
        hit = ~stopped & (adverse[start + step] <= level)
        if hit.any():
            fill = np.minimum(level[hit], opened[start[hit] + step])  # a gap fills at the open
            result[hit] = (fill - entry[hit]) / r[hit]
            stopped |= hit
    found[valid] = result
    return found


def _mean_true_range(bars: SnapshotBars) -> np.ndarray:
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    ranges = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    sums = np.cumsum(np.concatenate([[0.0], ranges]))
    means = np.full(len(ranges), np.nan)
    means[NOISE_BARS - 1 :] = (sums[NOISE_BARS:] - sums[:-NOISE_BARS]) / NOISE_BARS
    return means
