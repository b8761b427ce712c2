"""No entries in a storm: refuse while the market's recent range is out of proportion.

A stop placed in quiet bars is noise in wild ones, and fills there slip. The range of the last bars
is compared with the bars before them, and with a number of points where one is given. Too few bars
to judge by is a veto.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated

import msgspec
import numpy as np

from qe_plugins import Bars, History, OrderRequest, Plugin, PluginConfig, Role, Veto, hookimpl

CLEAR = 0.99997
"""A range below this share of what is allowed is so however its sums are rounded."""

Count = Annotated[int, msgspec.Meta(ge=1)]


class GuardianVolatilityConfig(PluginConfig, frozen=True):
    """`bars` is how many bars are judged and `against` how many before them they are judged by.

    `multiple` is the range allowed, in average bars; `points` is the range allowed in any case.
    """

    bars: Count = 5
    against: Count = 60
    multiple: Annotated[float, msgspec.Meta(gt=0)] = 6.0
    points: Decimal | None = None
    bar: str = "1-MINUTE-LAST"


class GuardianVolatility(Plugin):
    """Refuse an order while the last bars ran too far."""

    role = Role.GUARDIAN
    Config = GuardianVolatilityConfig
    config: GuardianVolatilityConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.needed = self.config.bars + self.config.against
        self.lookback = self.needed - 1
        self.most = math.inf if self.config.points is None else float(self.config.points)

    @hookimpl
    def screen_orders(self, bars: Bars) -> np.ndarray | None:
        """Name the bars after which the market ran too far, or nearly, or there are too few."""
        if bars.bar_type != self.judged(bars.instrument_id):
            return None
        named = np.ones(len(bars), np.bool_)
        if len(bars) >= self.needed:
            last, against = self.config.bars, self.config.against
            tops, bottoms = highest(bars.high, last), highest(-bars.low, last)
            walked = np.cumsum(np.concatenate(([0.0], bars.high - bars.low)))
            before = walked[against:-last] - walked[: -self.needed]
            allowed = np.minimum(before / against * self.config.multiple, self.most)
            named[self.lookback :] = ~((tops + bottoms)[against:] < allowed * CLEAR)
        return named

    @hookimpl
    def veto_order(self, order: OrderRequest, history: History) -> Veto | None:
        """Compare the range of the last bars with what is allowed."""
        bars = history.last(self.judged(order.instrument_id), self.needed)
        against, highs, lows = self.config.against, bars.floats("high"), bars.floats("low")
        if len(highs) < self.needed:
            known = f"{len(highs)} bars of {order.instrument_id}"
            return Veto(f"{known} are too few to judge by, {self.needed} are needed")
        last_highs, last_lows = highs[against:], lows[against:]
        ran = max(last_highs) - min(last_lows)
        walked = sum(highs) - sum(lows) - sum(last_highs) + sum(last_lows)
        allowed = min(walked / against * self.config.multiple, self.most)
        if ran <= allowed:
            return None
        return Veto(f"ran {ran:.2f} points in {self.config.bars} bars, {allowed:.2f} are allowed")

    def judged(self, contract: str) -> str:
        """Return the type of the bars that a contract is judged by."""
        return f"{contract}-{self.config.bar}-EXTERNAL"


def highest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the highest of each `count` values that follow each other."""
    found, width = values, 1
    while width < count:
        step = min(width, count - width)
        found, width = np.maximum(found[:-step], found[step:]), width + step
    return found
