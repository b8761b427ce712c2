"""The choice of a variant in each window, what it earned afterwards, and what that proves."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.research.overfitting import (
    DeflatedSharpe,
    deflated_sharpe,
    probability_of_overfitting,
)
from qe_plugins.research.walkforward.windows import WalkWindow

type Objective = Literal["sharpe", "net_pnl"]

LEVEL = 0.025
"""The chance that a strategy without an edge is called positive."""

POWER = 0.8
PARTS = 16
NORMAL = NormalDist()


class WindowOutcome(msgspec.Struct, frozen=True):
    """One window: the variant chosen, its objective in training, and its P&L in both parts.

    `rank` is the chosen variant's place out of sample among all, 1 the best.
    """

    train_from: str
    test_from: str
    test_to: str
    variant: int
    objective: float
    train_pnl: float
    test_pnl: float
    rank: int


class Walk(msgspec.Struct, frozen=True):
    """A walk-forward: P&L of the chosen variants in their test sessions, in currency.

    `t` is that of the mean test session, `visible` the mean a session that would have been found in
    80% of cases. `efficiency` is test P&L a session over that of training. `overfitting` is the
    probability that the best in sample is below median out of it, None for one variant.
    """

    windows: list[WindowOutcome]
    variants: int
    sessions: int
    test_pnl: float
    mean: float
    t: float
    visible: float
    efficiency: float | None
    deflated: DeflatedSharpe | None
    overfitting: float | None
    pnl: list[float]

    @property
    def positive(self) -> bool:
        """Return whether the mean test session is positive beyond chance."""
        return self.t > NORMAL.inv_cdf(1 - LEVEL)


def walk(
    pnl: np.ndarray, sessions: np.ndarray, windows: Sequence[WalkWindow], objective: Objective
) -> Walk:
    """Choose by `objective` in each window and return what the choices earned.

    `pnl` has a row a session and a column a variant. Raises DataError where no test session has a
    P&L that varies.
    """
    outcomes, test, train_means = [], [], []
    for one in windows:
        past, after = pnl[one.train : one.test], pnl[one.test : one.end]
        figures = _objective(past, objective)
        chosen = int(np.argmax(figures))
        totals = after.sum(axis=0)
        outcomes.append(
            WindowOutcome(
                train_from=str(sessions[one.train]),
                test_from=str(sessions[one.test]),
                test_to=str(sessions[one.end - 1]),
                variant=chosen + 1,
                objective=float(figures[chosen]),
                train_pnl=float(past[:, chosen].sum()),
                test_pnl=float(totals[chosen]),
                rank=int((totals > totals[chosen]).sum()) + 1,
            )
        )
        test.append(after[:, chosen])
        train_means.append(float(past[:, chosen].mean()))
    earned = np.concatenate(test)
    spread = float(earned.std(ddof=1)) if len(earned) > 1 else 0.0
    if not spread > 0:
        raise DataError(
            "no chosen variant traded in its test sessions.",
            hint="Take a longer history, or other variants.",
        )
    error = spread / len(earned) ** 0.5
    trained = float(np.mean(train_means))
    return Walk(
        windows=outcomes,
        variants=pnl.shape[1],
        sessions=len(earned),
        test_pnl=float(earned.sum()),
        mean=float(earned.mean()),
        t=float(earned.mean()) / error,
        visible=(NORMAL.inv_cdf(1 - LEVEL) + NORMAL.inv_cdf(POWER)) * error,
        efficiency=float(earned.mean()) / trained if trained > 0 else None,
        deflated=_deflated(pnl),
        overfitting=_overfitting(pnl),
        pnl=earned.tolist(),
    )


def sentence(found: Walk, currency: str) -> str:
    """Return the verdict on a walk-forward in one sentence."""
    earned = f"{found.mean:,.2f} {currency} a session over {found.sessions:,} sessions after it was"
    power = f"could have seen {found.visible:,.2f} in 80% of cases"
    if found.positive:
        return f"Positive out of sample: {earned} chosen, t {found.t:.1f}."
    return f"Not told from zero: {earned} chosen, t {found.t:.1f}; {power}."


def _objective(pnl: np.ndarray, objective: Objective) -> np.ndarray:
    if objective == "net_pnl":
        return np.asarray(pnl.sum(axis=0))
    spread = pnl.std(axis=0)
    return np.asarray(np.where(spread > 0, pnl.mean(axis=0) / np.where(spread > 0, spread, 1), 0.0))


def _deflated(pnl: np.ndarray) -> DeflatedSharpe | None:
    """Return the deflated Sharpe ratio, a session, of the variant that is best on all sessions."""
    sharpes = _objective(pnl, "sharpe")
    best = pnl[:, int(np.argmax(sharpes))]
    if not best.std() > 0:
        return None
    variance = float(sharpes.var(ddof=1)) if len(sharpes) > 1 else 0.0
    return deflated_sharpe(best, variance, len(sharpes))


def _overfitting(pnl: np.ndarray) -> float | None:
    if pnl.shape[1] < 2 or len(pnl) < 2 * PARTS:
        return None
    return probability_of_overfitting(pnl, PARTS)
