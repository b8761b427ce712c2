"""No entries in a storm: refuse while the market's recent range is out of proportion.

A stop placed in quiet bars is noise in wild ones, and fills there slip. The range of the last bars
is compared with the bars before them, and with a number of points where one is given. Too few bars
to judge by is a veto.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import BarType

from qe_plugins import Plugin, PluginConfig, Role, Veto, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract

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

    @hookimpl
    def veto_order(self, instrument: FuturesContract, cache: Cache) -> Veto | None:
        """Compare the range of the last bars with what is allowed."""
        needed = self.config.bars + self.config.against
        bars = self.last_bars(instrument, cache, needed)
        if len(bars) < needed:
            return Veto(f"{len(bars)} bars of {instrument.id} are too few to judge, needs {needed}")
        recent, before = bars[: self.config.bars], bars[self.config.bars :]
        ran = max(high(bar) for bar in recent) - min(low(bar) for bar in recent)
        allowed = self.allowed(before)
        if ran <= allowed:
            return None
        return Veto(f"ran {ran:.2f} points in {len(recent)} bars, {allowed:.2f} are allowed")

    def last_bars(self, instrument: FuturesContract, cache: Cache, count: int) -> list[Bar]:
        """Return up to `count` bars from the cache, the newest first."""
        bar_type = BarType.from_str(f"{instrument.id}-{self.config.bar}-EXTERNAL")
        found = (cache.bar(bar_type, index) for index in range(count))
        return [bar for bar in found if bar is not None]

    def allowed(self, before: list[Bar]) -> float:
        """Return the points that the last bars may have run."""
        average = sum(high(bar) - low(bar) for bar in before) / len(before)
        usual = average * self.config.multiple
        return usual if self.config.points is None else min(usual, float(self.config.points))


def high(bar: Bar) -> float:
    """Return a bar's high in points."""
    return bar.high.as_double()


def low(bar: Bar) -> float:
    """Return a bar's low in points."""
    return bar.low.as_double()
