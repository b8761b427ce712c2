"""The same trades in random order: how deep a drawdown chance alone could have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ORDERS, SEED = 1_000, 20_240_101
FEWEST = 20
"""Trades below which their order says nothing."""

QUANTILES = (0.05, 0.5, 0.95)
POINTS = 200


class Reordering(msgspec.Struct, frozen=True, kw_only=True):
    """Drawdowns of random orders of the closed trades, in account currency, positive.

    `own` is that of the order as it was; `median`, `worse_in_20` and `worse_in_100` are those that
    half, one in 20 and one in 100 of the orders exceed. `trade` and `low`, `middle`, `high` are the
    5%, 50% and 95% quantiles of the net P&L after so many trades, `as_it_was` that of the run.
    """

    own: float
    as_it_was: list[float]
    median: float
    worse_in_20: float
    worse_in_100: float
    trade: list[int]
    low: list[float]
    middle: list[float]
    high: list[float]


def reordered(pnl: Floats, orders: int = ORDERS, seed: int = SEED) -> Reordering | None:
    """Return what random orders of net P&Ls would have been, None below 20 trades.

    All orders have the same sum: what differs is the way there. Trades are taken as exchangeable,
    so streaks that the market made are not in it.
    """
    if pnl.size < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    places = np.unique(np.linspace(1, pnl.size, min(POINTS, pnl.size)).astype(int))
    paths = np.empty((orders, places.size))
    deepest = np.empty(orders)
    for number in range(orders):
        path = rng.permutation(pnl).cumsum()
        paths[number], deepest[number] = path[places - 1], drawdown(path)
    low, middle, high = np.quantile(paths, QUANTILES, axis=0).round(2)
    median, in_20, in_100 = np.quantile(deepest, (0.5, 0.95, 0.99)).tolist()
    return Reordering(
        own=drawdown(pnl.cumsum()),
        as_it_was=pnl.cumsum()[places - 1].round(2).tolist(),
        median=median,
        worse_in_20=in_20,
        worse_in_100=in_100,
        trade=places.tolist(),
        low=low.tolist(),
        middle=middle.tolist(),
        high=high.tolist(),
    )


def drawdown(path: Floats) -> float:
    """Return the largest fall of a running sum that starts at zero, in its unit, 0 or positive."""
    high = np.maximum(np.maximum.accumulate(path), 0.0)
    return float((high - path).max(initial=0.0))
