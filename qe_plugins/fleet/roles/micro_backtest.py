"""Micro-backtests of sessions: one rule over the bars known by now, in a fraction of a second.

Entries, stops and costs are those of a thesis (`thesis.py`), so that what a session found by this
tool is what ARBITER's attacks would recompute. NumPy does the work within the thread of the tool.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from qe_plugins.errors import FleetError
from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.roles.attacks import t_of
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.thesis import entries, trade_table
from qe_plugins.fleet.roles.validation import round_trip_cost
from qe_plugins.fleet.tasks.snapshot import SnapshotBars

WINDOW = 60
"""Bars of a feature."""

MOST_BARS = 30_000
"""The newest minute bars that a rule is run over: three weeks of a contract."""

CHUNK = 5_000


def micro_backtest(context: RoleContext, asked: dict[str, Any]) -> dict[str, Any]:
    """Return trades, mean R net of costs, its t statistic, and the mean R of both halves.

    `asked` are the arguments of the tool `backtest`, its instrument by its own name. Raises
    FleetError where there are too few bars for one trade.
    """
    bars = context.market.bars(asked["instrument"], "1m")
    bars = bars.window(min(len(bars), MOST_BARS))
    horizon = asked["horizon"]
    if len(bars) < WINDOW + horizon + 1:
        message = f"there are {len(bars)} bars of a minute, too few for a horizon of {horizon}."
        raise FleetError(message, hint="Ask for a shorter horizon.")
    sign = 1 if asked["side"] == "long" else -1
    signals = np.where(_feature(bars, asked["feature"]) > asked["above"], sign, 0)
    table = trade_table(bars, asked["stop"], horizon)
    at = entries(signals, table, horizon)
    net = table.r(at, signals[at], round_trip_cost(asked["instrument"], context.as_of))
    half = len(net) // 2
    return {
        "bars": len(bars),
        "trades": len(net),
        "mean_r": _mean(net),
        "t": round(t_of(net), 2),
        "first_half_r": _mean(net[:half]),
        "second_half_r": _mean(net[half:]),
    }


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
