"""The sessions of a root as one series: returns of the front contract, each within one contract.

The front of a session is the contract with the most volume in the session before, so that it is
known as the session opens. Levels are chained from returns; families use differences of levels
only, so that no part of the series changes when a later contract is chained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.kernel import prefix


class DailyChain:
    """Chains the sessions of a root's contracts. `expiries` are contracts in order of expiry."""

    def __init__(self, expiries: Sequence[str]) -> None:
        self._order = {name: n for n, name in enumerate(expiries)}
        self._before: dict[str, tuple[np.ndarray, float]] = {}
        self._level, self._coarse = 0, 0

    def extend(self, sessions: Mapping[str, Bars]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Add complete sessions by contract; return stamps, prices in units, and volumes.

        Sessions must be complete for all contracts up to the last one.
        """
        days: dict[int, dict[str, tuple[np.ndarray, float]]] = {}
        for name, bars in sessions.items():
            if not len(bars):
                continue
            prices = np.column_stack([bars.open, bars.high, bars.low, bars.close])
            fixed = np.zeros((len(bars), 6), np.int64)
            prefix.to_units(prices, 0, len(bars), fixed)
            fixed[:, 5] = (prices <= 0).any(axis=1)
            for n, ts in enumerate(bars.ts_event.tolist()):
                days.setdefault(ts, {})[name] = fixed[n], float(bars.volume[n])
        stamps, rows, volumes = [], [], []
        for ts in sorted(days):
            row, volume = self._session(days[ts])
            stamps.append(ts)
            rows.append(row)
            volumes.append(volume)
        fixed = np.array(rows, np.int64).reshape(len(rows), 6)
        return np.array(stamps, np.int64), fixed, np.array(volumes, np.float64)

    def _session(self, traded: dict[str, tuple[np.ndarray, float]]) -> tuple[np.ndarray, float]:
        """Return one session of the chain."""
        known = {name: v for name, (_, v) in self._before.items() if name in traded}
        front = self._most(known or {name: v for name, (_, v) in traded.items()})
        own, volume = traded[front]
        bad = int(own[5])
        if front in self._before:
            before = self._before[front][0]
            bad |= int(abs(own[0] - before[0]) > prefix.MOST_RETURN)
            if not (own[5] or before[5]):
                self._level += int(own[0] - before[0])
                self._coarse += int(own[4] - before[4])
        row = np.array([*(self._level + own[:4] - own[0]), self._coarse, bad], np.int64)
        self._before = traded
        return row, volume

    def _most(self, volumes: Mapping[str, float]) -> str:
        """Return the contract with the most volume, of equals the one that expires first."""
        return min(volumes, key=lambda name: (-volumes[name], self._order.get(name, 0), name))
