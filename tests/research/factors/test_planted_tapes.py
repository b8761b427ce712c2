"""Five generated years with a planted edge: found or missed, and what its book then earns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from qe_plugins.research.factors import combination
from qe_plugins.research.factors.book_pnl import BookPositions, positions
from qe_plugins.research.factors.economics import round_trip
from qe_plugins.research.factors.factor_test import FactorResult, judge, score
from qe_plugins.research.factors.settings import Costs
from qe_plugins.research.factors.sizing import Sizing
from tests.research.factors.generated import (
    GeneratedHistory,
    PlantedDrift,
    generated,
    planted_drift,
    values_of,
)

FAMILIES = ("drift", "velocity", "temperature")
NAMES = [f"1m.{family}.{window}" for family in FAMILIES for window in (10, 30, 60, 120, 240)]
PLANTED = ("1m.drift", "1m.velocity")
"""Families that measure what was planted: the t, or the mean, of the minutes before."""

WHOLE_CATALOGUE = 2.5
"""The statistic that the best of all 1,291 features exceeds by chance in 5% of histories."""

STRONG, WEAK = range(301, 307), range(301, 304)
IC_37, IC_20 = 0.005, 0.0027
"""Planted drifts whose correlation with the next hour is 0.037 and 0.020."""

POINT = 50.0
SIZES = Sizing(capital=1_000_000.0, risk=0.2, share=1.0, buffer=0.1, most=40)


class Outcome(NamedTuple):
    """A test, and the P&L of its book against what was planted, in USD; 0 without a book."""

    seed: int
    result: FactorResult
    net: float = 0.0
    planted: float = 0.0
    error: float = 0.0

    @property
    def errors(self) -> float:
        """Return how many standard errors the P&L is away from what was planted."""
        return (self.net - self.planted) / self.error if self.error else 0.0

    @property
    def best(self) -> float:
        """Return the largest statistic of the families that measure what was planted."""
        own = [one for one in self.result.factors if one.name.startswith(PLANTED)]
        return max(min(map(abs, one.t)) if one.t[0] * one.t[1] > 0 else 0.0 for one in own)


def outcome(seed: int, planted: float) -> Outcome:
    history = generated(seed, planted, costs=Costs(contract="ES"))
    values = values_of(NAMES, history.bars, history.contracts, history.rows)
    result = judge(history.settings, history.data, score(history.data, [(NAMES, values)]))
    if not result.family_wise:
        return Outcome(seed, result)
    columns = dict(zip(NAMES, values.T, strict=True))
    made = combination.combine(history.settings, "test", result, history.data, columns, {})
    found = positions(made, "ES", SIZES, POINT, history.bars, history.contracts, history.fronts)
    return Outcome(seed, result, *earned(history, found, planted_drift(history)))


def earned(
    history: GeneratedHistory, found: BookPositions, drift: PlantedDrift
) -> tuple[float, float, float]:
    """Return net P&L, what the planted drift alone would have earned after costs, and its error."""
    closes = {name: float(one.close[-1]) for name, one in history.bars.items()}
    side = round_trip("ES", history.data.session.max().item(), 0.5) / 2 * POINT
    costs = found.costs(lambda _: side)
    at = np.searchsorted(drift.ts, [one.ts for one in found.changes], side="right")
    size = np.zeros(len(drift.ts))
    np.add.at(size, at, [one.contracts * one.price * POINT for one in found.changes])
    counts = np.zeros(len(drift.ts))
    np.add.at(counts, at, [one.contracts for one in found.changes])
    held = np.where(np.cumsum(counts) == 0, 0.0, np.cumsum(size))  # at the price that was paid
    error = float(np.sqrt(((held * drift.deviation) ** 2).sum()))
    return found.gross(POINT, closes) - costs, float((held * drift.drift).sum()) - costs, error


def tapes(planted: float, seeds: range) -> list[Outcome]:
    found = []
    for seed in seeds:
        one = outcome(seed, planted)
        print(
            f"seed {seed}: {len(one.result.family_wise)} family-wise of "
            f"{len(one.result.survivors)}, best {one.best:.2f}, net {one.net:,.0f}, planted "
            f"{one.planted:,.0f} +- {one.error:,.0f} USD",
            flush=True,
        )
        found.append(one)
    return found


@pytest.mark.long
def test_an_ic_of_0_037_is_found_and_its_book_earns_what_was_planted():
    found = tapes(IC_37, STRONG)
    heads = [one.result.family_wise[0].cluster if one.result.family_wise else "" for one in found]
    assert sum(head.startswith(PLANTED) for head in heads) >= 5
    assert sum(abs(one.errors) <= 2 for one in found) >= 5


@pytest.mark.long
def test_an_ic_of_0_020_is_family_wise_in_at_most_half_of_the_histories():
    found = tapes(IC_20, WEAK)
    assert sum(one.best > WHOLE_CATALOGUE for one in found) <= 1
