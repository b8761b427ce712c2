"""Families too costly for the catalogue: one number of a window of returns, O(w log w) or O(w^2).

They are registered by a plugin of three lines, `return heavy_families(240)` in `register_features`.
`window_family` makes one of any function of an array, as those of tsfresh, pycatch22 or antropy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.plugins.types import Family

EMBEDDED = 2
"""Returns of a pattern in sample entropy and recurrence."""

TOLERANCE = 0.2
"""Deviations within which two patterns are alike."""

LEAST_WINDOW = 60
FIRST_BOX, BOXES = 4, 8
LINE = 2
"""Recurrences in a row that are a diagonal line."""

DELAY_DIMENSION, AHEAD = 3, 8
"""Dimension in which trajectories are followed, and how many bars."""

type OfWindow = Callable[[np.ndarray], float]


def window_family(name: str, function: OfWindow, window: int, meaning: str) -> Family:
    """Return a family of a function of the last `window` returns (log of closes).

    Where it is not finite, or the returns have no variance, the feature is null.
    """
    rolled = partial(_rolled, function, window)
    return Family(name=name, function=rolled, lookback=window + 1, meaning=meaning)


def heavy_families(window: int = 240) -> list[Family]:
    """Return the five heavy families over `window` returns, each named `dfa_240` and so on.

    Raises FeatureError for a window of fewer than 60.
    """
    if window < LEAST_WINDOW:
        raise FeatureError(f"heavy families need a window of {LEAST_WINDOW} or more, was {window}.")
    rows: tuple[tuple[str, OfWindow, str], ...] = (
        ("dfa", fluctuation_exponent, "exponent of detrended fluctuations (Peng 1994)"),
        ("sample_entropy", sample_entropy, "surprise of patterns of two (Richman-Moorman 2000)"),
        ("recurrence", recurrence_rate, "share of bars whose patterns recur (Eckmann 1987)"),
        ("determinism", determinism, "share of recurrences in lines (Webber-Zbilut 1994)"),
        ("lyapunov", lyapunov, "divergence a bar of nearby paths (Rosenstein 1993)"),
    )
    return [window_family(f"{name}_{window}", one, window, meaning) for name, one, meaning in rows]


def fluctuation_exponent(returns: np.ndarray) -> float:
    """Return the slope of log fluctuation over log box size; 0.5 for returns without memory."""
    path = np.cumsum(returns - returns.mean())
    sizes = np.unique(np.geomspace(FIRST_BOX, len(path) // 4, BOXES).astype(int))
    found = []
    for size in sizes.tolist():
        boxes = path[: len(path) // size * size].reshape(-1, size)
        at = np.arange(size) - (size - 1) / 2
        slopes = boxes @ at / (at @ at)
        rest = boxes - boxes.mean(axis=1, keepdims=True) - slopes[:, None] * at
        found.append(math.sqrt(float((rest * rest).mean())))
    return _slope(np.log(sizes), np.log(found))


def sample_entropy(returns: np.ndarray) -> float:
    """Return -ln of the chance that patterns of two that are alike stay alike at the next bar."""
    count = len(returns) - EMBEDDED
    alike = _close(returns, EMBEDDED)[:count, :count]
    longer = _close(returns, EMBEDDED + 1)
    pairs, matches = (int(one.sum()) - len(one) for one in (alike, longer))
    return -math.log(matches / pairs) if pairs and matches else math.nan


def recurrence_rate(returns: np.ndarray) -> float:
    """Return the share of pairs of bars whose patterns of two returns are alike."""
    alike = _close(returns, EMBEDDED)
    return (int(alike.sum()) - len(alike)) / (len(alike) * (len(alike) - 1))


def determinism(returns: np.ndarray) -> float:
    """Return the share of recurrences that continue for two bars or more."""
    alike = _close(returns, EMBEDDED)
    whole = lined = 0
    for lag in range(1, len(alike)):
        line = np.concatenate([[False], np.diagonal(alike, lag), [False]])
        edges = np.flatnonzero(np.diff(line.astype(np.int8)))
        lengths = edges[1::2] - edges[::2]
        whole += int(lengths.sum())
        lined += int(lengths[lengths >= LINE].sum())
    return lined / whole if whole else math.nan


def lyapunov(returns: np.ndarray) -> float:
    """Return the slope of the mean log distance of nearest neighbours over the next bars."""
    points = np.lib.stride_tricks.sliding_window_view(returns, DELAY_DIMENSION)
    count = len(points) - AHEAD
    apart = np.abs(points[:count, None, :] - points[None, :count, :]).max(axis=2)
    near = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) <= DELAY_DIMENSION
    nearest = np.where(near, np.inf, apart).argmin(axis=1)
    distances = []
    for ahead in range(AHEAD):
        moved = np.abs(points[np.arange(count) + ahead] - points[nearest + ahead]).max(axis=1)
        distances.append(float(np.log(moved[moved > 0]).mean()) if (moved > 0).any() else math.nan)
    return _slope(np.arange(AHEAD), np.array(distances))


def _close(returns: np.ndarray, length: int) -> np.ndarray:
    """Return which patterns of `length` returns are alike, as a square of booleans."""
    patterns = np.lib.stride_tricks.sliding_window_view(returns, length)
    apart = np.abs(patterns[:, None, :] - patterns[None, :, :]).max(axis=2)
    found: np.ndarray = apart <= TOLERANCE * returns.std()
    return found


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def _rolled(function: OfWindow, window: int, bars: Bars) -> np.ndarray:
    returns = np.diff(np.log(bars.close))
    found = np.full(len(bars), np.nan)
    for end in range(window, len(bars)):
        part = returns[end - window : end]
        if np.isfinite(part).all() and np.ptp(part) > 0:
            found[end] = function(part)
    return found
