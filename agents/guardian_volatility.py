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

from qe_plugins import History, OrderRequest, Plugin, PluginConfig, Role, Veto, hookimpl

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
        self.most = math.inf if self.config.points is None else float(self.config.points)

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
