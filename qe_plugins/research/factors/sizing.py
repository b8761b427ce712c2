"""From a forecast to whole contracts: risk target over volatility, a buffer, and an honest zero.

As pysystemtrade has it: an average forecast holds what moves by the risk target in a year, times
the weight of the instrument and the diversification multiplier of all instruments.
"""

from __future__ import annotations

import math

import msgspec

from qe_plugins.research.factors.decisions import DEVIATION_BARS

VOLATILITY = f"1m.temperature.{DEVIATION_BARS}"
"""The feature that a size goes by: the log of the variance of one-minute returns (bps^2)."""

MINUTES_A_YEAR = 252 * 1_380
BPS = 1e-4


class Sizing(msgspec.Struct, frozen=True):
    """How large positions are.

    `capital` in account currency times `risk` (a part a year) is what an average forecast moves in
    a year, times `share`: the instrument's weight times the diversification multiplier. A position
    within `buffer` average positions of the best one is kept; `most` is the largest one, in
    contracts.
    """

    capital: float
    risk: float
    share: float
    buffer: float
    most: int

    def average_position(self, volatility: float, price: float, multiplier: float) -> float:
        """Return the contracts of an average forecast, not rounded; NaN where it is unknown.

        `volatility` is the value of the feature VOLATILITY, `multiplier` the worth of a point.
        """
        a_year = math.exp(volatility / 2) * BPS * math.sqrt(MINUTES_A_YEAR) * abs(price)
        if not a_year * multiplier > 0:
            return math.nan
        return self.capital * self.risk * self.share / (a_year * multiplier)

    def position(self, held: int, forecast: float, average: float) -> int:
        """Return the contracts to hold, negative for short.

        `forecast` is in average forecasts, `average` the position of one. Inside the buffer that is
        what is `held`, outside of it the nearest edge.
        """
        best = forecast * average
        width = self.buffer * average
        low, high = (round(best + side * width) for side in (-1, 1))
        wanted = min(max(held, low), high)
        return min(max(wanted, -self.most), self.most)
