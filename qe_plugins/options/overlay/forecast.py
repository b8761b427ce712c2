"""Realised variance by session, and its forecast by a heterogeneous autoregression (HAR).

Corsi (2009): the mean variance of the sessions to come by those of the last one, five and 22.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MONTH, WEEK = 22, 5
YEAR = 252
"""Sessions of a year."""

FEWEST_ROWS = 40
"""Pairs of past and outcome that a fit needs: four coefficients of fewer are noise."""


class SessionVariances:
    """Realised variance by session, from closes in time order: squared log returns, gaps too."""

    def __init__(self) -> None:
        self.complete: list[float] = []
        self._session: object = None
        self._sum, self._last = 0.0, math.nan

    def add(self, session: object, close: float) -> None:
        """Add a close; `session` names the session that it belongs to."""
        if session != self._session:
            if self._session is not None:
                self.complete.append(self._sum)
            self._session, self._sum = session, 0.0
        if math.isfinite(self._last):
            self._sum += math.log(close / self._last) ** 2
        self._last = close

    def forget_last(self) -> None:
        """Take no return from the last close to the next: it is of another contract."""
        self._last = math.nan


def sessions_needed(horizon: int) -> int:
    """Return the sessions of history that a forecast over `horizon` sessions needs."""
    return MONTH + horizon + FEWEST_ROWS - 1


def har_forecast(variances: Sequence[float], horizon: int) -> float | None:
    """Return the annual volatility forecast over the next `horizon` sessions, 0.16 is 16%.

    `variances` are of complete sessions, oldest first. None with fewer than `sessions_needed`. The
    forecast is kept within the range of outcomes that it was fitted to: a line is not to be trusted
    beyond it.
    """
    x = np.asarray(variances, dtype=float)
    if len(x) < sessions_needed(horizon) or not np.isfinite(x).all():
        return None
    sums = np.concatenate([[0.0], x.cumsum()])
    ends = np.arange(MONTH, len(x) + 1)  # a row a session: what was known after it
    rows = np.column_stack(
        [
            np.ones(len(ends)),
            x[ends - 1],
            (sums[ends] - sums[ends - WEEK]) / WEEK,
            (sums[ends] - sums[ends - MONTH]) / MONTH,
        ]
    )
    known = ends[ends + horizon <= len(x)]
    outcome = (sums[known + horizon] - sums[known]) / horizon
    weights, *_ = np.linalg.lstsq(rows[: len(known)], outcome, rcond=None)
    variance = float(np.clip(rows[-1] @ weights, outcome.min(), outcome.max()))
    return math.sqrt(max(variance, 0.0) * YEAR)
