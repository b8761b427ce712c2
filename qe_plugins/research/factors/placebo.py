"""Placebo: the same test with labels moved by whole sessions, which no feature can predict.

Moving keeps what overlaps within a session, the features' own persistence and the distribution of
labels; only the connection between features and returns is cut. What survives then is chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.feature_matrix import blocks
from qe_plugins.research.factors.session_scores import session_sums, standardize
from qe_plugins.research.factors.significance import held_twice, t_values

LEAST_MOVE = 5
"""Sessions by which labels are moved at least."""


class Placebo(msgspec.Struct, frozen=True):
    """How many factors survive in each rotation. `p_values` has for each factor the share of
    rotations in which the t of both halves together is at least as large as the observed one.
    """

    observed: int
    counts: list[int]
    p_values: dict[str, float]

    @property
    def p_value(self) -> float:
        """Return the share of rotations that leave at least as many survivors as were observed."""
        at_least = sum(count >= self.observed for count in self.counts)
        return (1 + at_least) / (1 + len(self.counts))


def rotate(
    data: FactorData,
    names: Sequence[str],
    z: np.ndarray,
    rotations: int,
    survive: float,
    seed: int = 1,
) -> Placebo:
    """Test features with rotated labels. `z` has a row a decision, in the order of sessions.

    Each half is rotated within itself. Raises DataError where a half has fewer sessions than twice
    the rotations need.
    """
    order = np.argsort(data.session, kind="stable")
    session, label, ts = data.session[order], data.label[order], _time_of_day(data, order)
    halves = [half[order] for half in (data.halves.explore, data.halves.confirm)]
    fewest = min(len(np.unique(session[half])) for half in halves)
    if fewest <= 2 * LEAST_MOVE:
        raise DataError(
            f"{fewest} sessions a half are too few to rotate labels by whole sessions.",
            hint=f"Take a history with more than {2 * LEAST_MOVE} in each.",
        )
    prepared = [_Half(z[half], label[half], session[half], ts[half]) for half in halves]
    random = np.random.default_rng(seed)
    first, second = (t_values(one.scores(0)) for one in prepared)
    together = np.abs(first + second)
    counts: list[int] = []
    exceeded = np.zeros(len(names))
    for _ in range(rotations):
        moves = [int(random.integers(LEAST_MOVE, one.sessions - LEAST_MOVE)) for one in prepared]
        one, other = (t_values(h.scores(by)) for h, by in zip(prepared, moves, strict=True))
        counts.append(int((held_twice(one, other) > survive).sum()))
        exceeded += np.abs(one + other) >= together
    return Placebo(
        observed=int((held_twice(first, second) > survive).sum()),
        counts=counts,
        p_values=dict(
            zip(names, ((1 + exceeded) / (1 + rotations)).astype(float).tolist(), strict=True)
        ),
    )


def standardized(
    data: FactorData, names: Sequence[str], store: Path | str
) -> tuple[list[str], np.ndarray]:
    """Return the features that can be tested and their z, a row a decision in order of sessions."""
    order = np.argsort(data.session, kind="stable")
    explore, tested = data.halves.explore[order], data.halves.kept[order]
    kept: list[str] = []
    columns = []
    for block, values in blocks(store, names, data.rows, data.own):
        found = standardize(values[order], explore, tested)
        columns.append(found.z[:, ~found.untested])
        kept += [name for name, out in zip(block, found.untested, strict=True) if not out]
    return kept, np.concatenate(columns, axis=1)


class _Half:
    """The decisions of a half, with labels on a grid of session and time of day."""

    def __init__(
        self, z: np.ndarray, label: np.ndarray, session: np.ndarray, time: np.ndarray
    ) -> None:
        days, self._row = np.unique(session, return_inverse=True)
        times, self._slot = np.unique(time, return_inverse=True)
        self.sessions = len(days)
        self._z, self._session = z, session
        self._grid = np.zeros((len(days), len(times)), dtype=np.float32)
        self._grid[self._row, self._slot] = label - label.mean()

    def scores(self, move: int) -> np.ndarray:
        """Return the session scores with labels of `move` sessions later."""
        moved = self._grid[(self._row + move) % self.sessions, self._slot]
        return session_sums(self._z * moved[:, None], self._session).astype(np.float64)


def _time_of_day(data: FactorData, order: np.ndarray) -> np.ndarray:
    """Return a number for each decision's root and time of day."""
    day = 86_400_000_000_000
    parts = [one.ts % day + number * day for number, one in enumerate(data.rows)]
    return np.asarray(np.concatenate(parts)[order])
