"""Theses with and without a planted edge, and with leaks, over generated bars."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qe_plugins.fleet.backtests.trade_table import entries, trade_table
from qe_plugins.fleet.roles.attacks import AttackReport, attack
from qe_plugins.fleet.roles.thesis import SignalRule
from qe_plugins.fleet.tasks.snapshot import MINUTE, SnapshotBars
from tests.fleet.conftest import START

BARS, HORIZON, STOP, COST = 9_000, 15, 4.0, 0.02
STRENGTH = 4.0
"""Mean net R over its deviation times the root of the number of trades."""


def walk(seed: int, drift: np.ndarray | None = None) -> SnapshotBars:
    """Return minute bars of a random walk with a drift in points at each bar."""
    rng = np.random.default_rng(seed)
    inside = rng.normal(0, 0.25, (BARS, 4))
    if drift is not None:
        inside[:, -1] += drift
    closes = 4_000 + np.cumsum(inside.sum(axis=1))
    opened = np.concatenate([[4_000.0], closes[:-1]])
    path = opened[:, None] + np.concatenate([np.zeros((BARS, 1)), np.cumsum(inside, axis=1)], 1)
    return SnapshotBars(
        ts=START + (np.arange(BARS) + 1) * MINUTE,
        open=opened,
        high=path.max(axis=1),
        low=path.min(axis=1),
        close=closes,
        volume=rng.integers(100, 900, BARS).astype(float),
    )


def fixed(column: np.ndarray) -> SignalRule:
    """Return a rule whose signals were decided outside, each by its own bar."""
    return lambda bars: column[: len(bars)]


def planted(seed: int, strength: float = STRENGTH) -> AttackReport:
    """Return the report on a thesis with an edge of that strength; 0 is none."""
    rng = np.random.default_rng(seed + 10_000)
    column = np.where(rng.random(BARS) < 0.05, rng.choice([-1, 1], BARS), 0)
    bars = walk(seed)
    table = trade_table(bars, STOP, HORIZON)
    at = entries(column, table, HORIZON)
    if strength:
        deviation = float(table.r(at, column[at], COST).std())
        wanted = strength * deviation / np.sqrt(len(at)) + float((COST / table.risk[at]).mean())
        points = wanted * float(table.risk[at].mean())
        drift = np.zeros(BARS)
        for one in at:
            drift[one + 1 : one + 1 + HORIZON] += column[one] * points / HORIZON
        bars = walk(seed, drift)
    return attack(f"t{seed}", bars, fixed(column), stop=STOP, horizon=HORIZON, cost=COST)


def _signs(values: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(values > threshold, 1, np.where(values < -threshold, -1, 0))


def _later(bars: SnapshotBars, bars_ahead: int) -> np.ndarray:
    """Return the move of the next bars: what nobody knows."""
    found = np.zeros(len(bars))
    found[:-bars_ahead] = bars.close[bars_ahead:] - bars.close[:-bars_ahead]
    return found


def _centred(bars: SnapshotBars, width: int) -> np.ndarray:
    return bars.close - np.convolve(bars.close, np.ones(width) / width, mode="same")


LEAKS: dict[str, Callable[[SnapshotBars], np.ndarray]] = {
    "next close": lambda b: _signs(_later(b, 1), 0.5),
    "close in five bars": lambda b: _signs(_later(b, 5), 1.5),
    "next high": lambda b: np.where(np.roll(b.high, -1) > b.high + 0.8, 1, 0),
    "next low": lambda b: np.where(np.roll(b.low, -1) < b.low - 0.8, -1, 0),
    "centred mean": lambda b: _signs(-_centred(b, 21), 1.0),
    "deviations of all data": lambda b: _signs(-(b.close - b.close.mean()) / b.close.std(), 1.0),
    "rank in all data": lambda b: np.where(b.close.argsort().argsort() < len(b) // 10, 1, 0),
    "quantile of all data": lambda b: np.where(b.close < np.quantile(b.close, 0.1), 1, 0),
    "next volume": lambda b: np.where(np.roll(b.volume, -1) > 850, 1, 0),
    "low of the rest": lambda b: np.where(
        b.low <= np.minimum.accumulate(b.low[::-1])[::-1] + 0.2, 1, 0
    ),
    "smoothed both ways": lambda b: _signs(np.gradient(_centred(b, 9)), 0.4),
    "last close known": lambda b: np.where(b.close < b.close[-1] - 5, 1, 0),
}


def leaking(name: str, seed: int = 5) -> AttackReport:
    """Return the report on a thesis that knows what came later."""
    return attack(name, walk(seed), LEAKS[name], stop=STOP, horizon=HORIZON, cost=COST)
