"""One micro-backtest: a rule over minute bars, and its figures in R net of costs.

Entries, stops and costs are those of a thesis, so that what a session found by its tool is what
ARBITER's attacks would recompute.
"""

from __future__ import annotations

import hashlib
import operator
from typing import Literal

import msgspec
import numpy as np

from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.backtests.trade_table import entries, t_of, trade_table
from qe_plugins.fleet.tasks.snapshot import COLUMNS, SnapshotBars

WINDOW = 60
"""Bars of a feature."""

MOST_BARS = 30_000
"""The newest minute bars that a rule is run over: three weeks of a contract."""

CHUNK = 5_000


class BacktestRule(msgspec.Struct, frozen=True, kw_only=True):
    """Enter where a feature of 60 bars is above a level; leave at the stop or after the horizon.

    `stop` is in mean true ranges, `horizon` in minutes, `cost` in points for a round trip.
    """

    side: Literal["long", "short"]
    feature: str
    above: float
    stop: float
    horizon: int
    cost: float


class MicroBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and the bars that it is run over."""

    rule: BacktestRule
    bars: SnapshotBars

    @property
    def id(self) -> str:
        """Return 12 hex digits of the hash of rule and bars: the same request has the same id."""
        digest = hashlib.sha256(msgspec.json.encode(self.rule))
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(getattr(self.bars, name)).tobytes())
        return digest.hexdigest()[:12]


class BacktestFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Bars and trades, mean R net of costs, its t statistic, and the mean R of both halves."""

    bars: int
    trades: int
    mean_r: float
    t: float
    first_half_r: float
    second_half_r: float


def figures(asked: MicroBacktest) -> BacktestFigures:
    """Return the figures of a micro-backtest."""
    bars, rule = asked.bars, asked.rule
    sign = 1 if rule.side == "long" else -1
    signals = np.where(_feature(bars, rule.feature) > rule.above, sign, 0)
    table = trade_table(bars, rule.stop, rule.horizon)
    at = entries(signals, table, rule.horizon)
    net = table.r(at, signals[at], rule.cost)
    half = len(net) // 2
    return BacktestFigures(
        bars=len(bars),
        trades=len(net),
        mean_r=_mean(net),
        t=round(t_of(net), 2),
        first_half_r=_mean(net[:half]),
        second_half_r=_mean(net[half:]),
    )


def _feature(bars: SnapshotBars, name: str) -> np.ndarray:
    """Return a feature of the window that ends with each bar, NaN for the first ones."""
    shifts, found = range(len(bars) - WINDOW, -1, -1), [np.full(WINDOW - 1, np.nan)]
    value = operator.itemgetter(name)
    for begin in range(0, len(shifts), CHUNK):
        part = features_of_windows(bars, WINDOW, shifts[begin : begin + CHUNK])
        found.append(np.array(list(map(value, part))))
    return np.concatenate(found)


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0
