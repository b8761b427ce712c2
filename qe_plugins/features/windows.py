"""Features of whole windows of bars, for the fleet's tasks: eight figures, or kernel's by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.catalogue import entry_of

BPS = 10_000
DIGITS = 4


class PriceColumns(Protocol):
    """Consecutive bars of one instrument as float arrays, oldest first."""

    @property
    def open(self) -> np.ndarray: ...
    @property
    def high(self) -> np.ndarray: ...
    @property
    def low(self) -> np.ndarray: ...
    @property
    def close(self) -> np.ndarray: ...
    @property
    def volume(self) -> np.ndarray: ...
    def __len__(self) -> int: ...


def features_of_windows(
    bars: PriceColumns, count: int, shifts: Sequence[int]
) -> list[dict[str, float]]:
    """Return the features of windows of `count` bars; each shift is a window's end before the last.

    Moves are in basis points of the first open, `momentum` in deviations, `place` is 0 at the low.
    All windows at once: NumPy's overhead for arrays as short as one window exceeds the arithmetic.
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
        "trend_t": (_trend_t(logs), 1),
        "place": ((bars.close[rows[:, -1]] - low) / np.where(width, width, 1.0), 2),
        "range_bps": (BPS * width / first, 1),
        "volume_ratio": (_ratio(recent, volume.mean(axis=1)), 2),
        "echo": (_echo(moves), 2),
    }
    rounded = [[round(one, digits) for one in of.tolist()] for of, digits in columns.values()]
    return [dict(zip(columns, each, strict=True)) for each in zip(*rounded, strict=True)]


def named_features(
    bars: Bars, names: Sequence[str], shifts: Sequence[int]
) -> list[dict[str, float]]:
    """Return features of the catalogue, named without a timeframe, as `temperature.60`.

    Each shift is how many bars before the last one they are taken; null ones are left out. Names of
    those in basis points end in `_bps`. Raises FeatureError for an unknown name.
    """
    from qe_plugins.features.series import compute

    entries = [entry_of(f"1m.{name}") for name in names]
    keys = [
        f"{name}_bps" if "bps" in entry.unit else name
        for name, entry in zip(names, entries, strict=True)
    ]
    values = compute(bars, names, bars.bar_type)[len(bars) - 1 - np.asarray(shifts, np.int64)]
    return [
        {key: round(one, DIGITS) for key, one in zip(keys, row, strict=True) if math.isfinite(one)}
        for row in values.tolist()
    ]


def _or_tiny(values: np.ndarray) -> np.ndarray:
    """Return divisors: 1e-12 in place of 0."""
    return np.where(values, values, 1e-12)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(below, above, 0.0) / np.where(below, below, 1.0)


def _trend_t(logs: np.ndarray) -> np.ndarray:
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
    """Return the first autocorrelation of the moves of each window."""
    centred = moves - moves.mean(axis=1, keepdims=True)
    next_to = (centred[:, 1:] * centred[:, :-1]).sum(axis=1)
    found: np.ndarray = next_to / _or_tiny((centred * centred).sum(axis=1))
    return found
