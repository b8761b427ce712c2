"""The claim of a book, for a ladder: its edge in R a trade after costs, of the confirm half."""

from __future__ import annotations

import numpy as np

from qe_plugins.research.factors.book import RISK, BookClaim, FactorBook
from qe_plugins.research.factors.factor_test import FactorData, FactorResult
from qe_plugins.research.factors.session_scores import session_sums
from qe_plugins.research.overfitting import deflated_sharpe

SECOND = 1_000_000_000


def claim_of(
    book: FactorBook,
    result: FactorResult,
    data: FactorData,
    forecasts: np.ndarray,
    trials: int,
) -> BookClaim:
    """Return the claim of a book. `forecasts` are in average ones, an entry a decision.

    `trials` is the number of trials in the journal besides those of this test, whose effective
    number is added to it.
    """
    confirm = data.halves.confirm & np.isfinite(forecasts)
    deviation = np.concatenate([one.deviation for one in data.rows])
    cost = result.economics.cost / deviation
    net = (forecasts * data.label - np.abs(forecasts) * cost)[confirm]
    order = np.argsort(data.session[confirm], kind="stable")
    daily = session_sums(net[order], data.session[confirm][order])
    outcomes, days = _outcomes(book, data, forecasts, cost, confirm)
    return BookClaim(
        edge=float(outcomes.mean()) if len(outcomes) else 0.0,
        sd=float(outcomes.std(ddof=1)) if len(outcomes) > 2 else 1.0,
        a_day=max(len(outcomes), 1) / max(days, 1),
        family_wise=not any(one.accepted for one in book.factors),
        deflated_sharpe=deflated_sharpe(
            daily, result.sharpe_variance, result.effective + trials
        ).probability,
        capacity=int(min(one.capacity for one in result.factors if one.name in _names(book))),
    )


def _names(book: FactorBook) -> set[str]:
    return {one.name for one in book.factors}


def _outcomes(
    book: FactorBook,
    data: FactorData,
    forecasts: np.ndarray,
    cost: np.ndarray,
    confirm: np.ndarray,
) -> tuple[np.ndarray, int]:
    """Return the trades of a half in R, one after the other's horizon, and its days."""
    found: list[float] = []
    at = 0
    for rows in data.rows:
        free = 0
        for k, ts in enumerate(rows.ts.tolist(), at):
            if confirm[k] and ts >= free and abs(forecasts[k]) >= 1:
                found.append((np.sign(forecasts[k]) * data.label[k] - cost[k]) / RISK)
                free = ts + int(book.horizon * SECOND)
        at += len(rows.ts)
    return np.array(found), len(np.unique(data.session[confirm]))
