"""Scenario grids: what a position gains or loses under moves of price, volatility and time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from qe_plugins.options.positions import Leg, profits
from qe_plugins.options.surface import Slice

MOVES = (0.0, -0.15, -0.10, -0.07, -0.05, -0.03, -0.01, 0.01, 0.03, 0.05, 0.07, 0.10, 0.15)
CHANGES = (-0.3, 0.0, 0.3, 0.6)
DAYS = (0.0, 1.0, 5.0)

HISTORIC = {
    "1987-10-19": (-0.205, 1.5),
    "2010-05-06": (-0.085, 0.8),
    "2018-02-05": (-0.041, 1.1),
    "2020-03-16": (-0.12, 0.45),
}
"""One-day shapes to scale onto a position: move of the index, relative change of its volatility.

Rounded from the index's close of each day (the low of 2010-05-06) and the change of VIX, before
1990 of VXO; they are sizes of shocks, not a claim about when the next one comes.
"""


class ScenarioGrid(msgspec.Struct, frozen=True, kw_only=True):
    """Profits in USD by day, move and change of volatility, under both rules of the smile.

    `sticky_strike` keeps each strike's volatility when the price moves, `sticky_moneyness` moves
    the smile along with it, and is None without a surface. `historic` has `HISTORIC`'s profits.
    """

    moves: tuple[float, ...]
    changes: tuple[float, ...]
    days: tuple[float, ...]
    sticky_strike: list[list[list[float]]]
    sticky_moneyness: list[list[list[float]]] | None
    historic: dict[str, float]

    @property
    def worst(self) -> float:
        """Return the largest loss of all scenarios in USD, as a positive number or 0."""
        every = [self.sticky_strike, *([self.sticky_moneyness] if self.sticky_moneyness else [])]
        lowest = min(float(np.min(one)) for one in every)
        return max(0.0, -min(lowest, *self.historic.values()))


def scenario_grid(
    legs: Sequence[Leg],
    price: float,
    rate: float,
    slices: Mapping[int, Slice] | None = None,
    moves: Sequence[float] = MOVES,
    changes: Sequence[float] = CHANGES,
    days: Sequence[float] = DAYS,
) -> ScenarioGrid:
    """Return the grid of a position in one underlying at `price`.

    With `slices` by expiry also under sticky moneyness. Raises DataError for an option without a
    volatility, and ValueError where the first move is not 0.
    """
    if moves[0] != 0:
        raise ValueError(f"the first move must be 0, was {moves[0]}")
    kept = profits(legs, price, rate, moves=moves, changes=changes, days=days)
    moved = None
    if slices is not None:
        vol = np.array([[_after(one, price, move, slices) for one in legs] for move in moves])
        moved = profits(
            legs, price, rate, moves=moves, changes=changes, days=days, volatilities=vol
        ).tolist()
    historic = {
        day: float(profits(legs, price, rate, moves=(0.0, move), changes=(change,))[0, 1, 0])
        for day, (move, change) in HISTORIC.items()
    }
    return ScenarioGrid(
        moves=tuple(moves),
        changes=tuple(changes),
        days=tuple(days),
        sticky_strike=kept.tolist(),
        sticky_moneyness=moved,
        historic=historic,
    )


def _after(one: Leg, price: float, move: float, slices: Mapping[int, Slice]) -> float:
    """Return the volatility of a leg after a move: its own, changed as its moneyness changes."""
    found = slices.get(one.expiry)
    if not one.sign or found is None:
        return one.volatility
    x = np.array([math.log(one.strike / price), math.log(one.strike / (price * (1 + move)))])
    before, after = found.volatility(np.clip(x, found.low, found.high)).tolist()
    return float(one.volatility * after / before)
