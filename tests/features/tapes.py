"""Bars for the tests of features: a random walk on a tick grid, with gaps and quiet minutes."""

from __future__ import annotations

import numpy as np

from qe_plugins.bars import Bars

MINUTE = 60_000_000_000
START = 1_381_698_000_000_000_000  # 2013-10-13 21:00 UTC
TICK = 0.25


def walk(count: int, seed: int = 1, noise: float = 2e-4, quiet: float = 0.2) -> Bars:
    """Return minute bars of a random walk; `quiet` is the share of bars that do not move."""
    random = np.random.default_rng(seed)
    moves = random.standard_t(4, count) * noise * (random.random(count) >= quiet)
    close = np.round(1700 * np.exp(np.cumsum(moves)) / TICK) * TICK
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = np.round(np.abs(random.normal(size=(2, count))) * 3) * TICK
    volume = np.floor(np.exp(random.normal(4, 1.5, count)))
    stamps = START + MINUTE * (np.arange(count, dtype=np.int64) + 1)
    return Bars(
        "ESZ3.XCME-1-MINUTE-LAST-EXTERNAL",
        {
            "ts_event": stamps,
            "ts_init": stamps,
            "open": open_,
            "high": np.maximum(open_, close) + reach[0],
            "low": np.minimum(open_, close) - reach[1],
            "close": close,
            "volume": volume,
        },
    )


def joined(*parts: Bars) -> Bars:
    """Return bars one after another."""
    columns = {n: np.concatenate([p.columns[n] for p in parts]) for n in parts[0].columns}
    return Bars(parts[0].bar_type, columns)


def replaced(bars: Bars, **columns: np.ndarray) -> Bars:
    """Return bars with other columns."""
    return Bars(bars.bar_type, {**bars.columns, **columns})


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether two float arrays are the same to the bit, nulls included."""
    return one.shape == other.shape and bool((one.view(np.int64) == other.view(np.int64)).all())
