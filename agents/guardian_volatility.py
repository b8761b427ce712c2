"""No entries in high volatility: veto while the recent range is far above normal.

A stop that suits quiet bars is within the noise of volatile ones, and fills have more slippage. The
range of the last bars is compared with the average range of the bars before them, and with a number
of points where one is given. Too few bars for the comparison is a veto.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated

import msgspec

from qe_plugins import History, OrderRequest, Plugin, PluginConfig, Role, Veto, hookimpl

Count = Annotated[int, msgspec.Meta(ge=1)]


class GuardianVolatilityConfig(PluginConfig, frozen=True):
    """`bars` is the number of recent bars, `against` the number of bars before them.

    `multiple` is the largest range of the recent bars in average ranges of the bars before them,
    `points` the largest range in points, None for no such limit.
    """

    bars: Count = 5
    against: Count = 60
    multiple: Annotated[float, msgspec.Meta(gt=0)] = 6.0
    points: Decimal | None = None
    bar: str = "1-MINUTE-LAST"


class GuardianVolatility(Plugin):
    """Vetoes an order while the range of the last bars is too large."""

    role = Role.GUARDIAN
    Config = GuardianVolatilityConfig
    config: GuardianVolatilityConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.needed = self.config.bars + self.config.against
        self.most = math.inf if self.config.points is None else float(self.config.points)

    @hookimpl
    def veto_order(self, order: OrderRequest, history: History) -> Veto | None:
        """Return a veto where the range of the last bars is above the limit."""
        bars = history.last(self.bar_type_of(order.instrument_id), self.needed)
        against, highs, lows = self.config.against, bars.floats("high"), bars.floats("low")
        if len(highs) < self.needed:
            known = f"{len(highs)} bars of {order.instrument_id}"
            return Veto(f"{known} are too few to judge by, {self.needed} are needed")
        last_highs, last_lows = highs[against:], lows[against:]
        moved = max(last_highs) - min(last_lows)
        walked = sum(highs) - sum(lows) - sum(last_highs) + sum(last_lows)
        allowed = min(walked / against * self.config.multiple, self.most)
        if moved <= allowed:
            return None
        return Veto(f"ran {moved:.2f} points in {self.config.bars} bars, {allowed:.2f} are allowed")

    def bar_type_of(self, contract: str) -> str:
        """Return the bar type on which a contract's range is measured."""
        return f"{contract}-{self.config.bar}-EXTERNAL"
