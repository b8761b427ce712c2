"""No entries in a storm: refuse while the market's recent range is out of proportion.

A stop placed in quiet bars is noise in wild ones, and fills there slip. The range of the last bars
is compared with the bars before them, and with a number of points where one is given. Too few bars
to judge by is a veto.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from nautilus_trader.model import BarType

from qe_plugins import Plugin, PluginConfig, Role, Veto, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import FuturesContract, InstrumentId

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


class Range(NamedTuple):
    """A bar's closing time (UTC nanoseconds), high and low in points."""

    ts: int
    high: float
    low: float


class GuardianVolatility(Plugin):
    """Refuse an order while the last bars ran too far."""

    role = Role.GUARDIAN
    Config = GuardianVolatilityConfig
    config: GuardianVolatilityConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.needed = self.config.bars + self.config.against
        self.seen: dict[InstrumentId, tuple[BarType, deque[Range]]] = {}

    @hookimpl
    def veto_order(self, instrument: FuturesContract, cache: Cache) -> Veto | None:
        """Compare the range of the last bars with what is allowed."""
        seen = self.catch_up(instrument, cache)
        if len(seen) < self.needed:
            known = f"{len(seen)} bars of {instrument.id}"
            return Veto(f"{known} are too few to judge by, {self.needed} are needed")
        before, recent = seen[: self.config.against], seen[self.config.against :]
        ran = max(bar.high for bar in recent) - min(bar.low for bar in recent)
        allowed = self.allowed(before)
        if ran <= allowed:
            return None
        return Veto(f"ran {ran:.2f} points in {len(recent)} bars, {allowed:.2f} are allowed")

    def catch_up(self, instrument: FuturesContract, cache: Cache) -> list[Range]:
        """Return the last bars, oldest first. Only those closed since the last order are read."""
        if instrument.id not in self.seen:
            bar_type = BarType.from_str(f"{instrument.id}-{self.config.bar}-EXTERNAL")
            self.seen[instrument.id] = bar_type, deque(maxlen=self.needed)
        bar_type, seen = self.seen[instrument.id]
        last, fresh = seen[-1].ts if seen else 0, []
        for index in range(self.needed):
            bar = cache.bar(bar_type, index)
            if bar is None or bar.ts_event <= last:
                break
            fresh.append(Range(bar.ts_event, bar.high.as_double(), bar.low.as_double()))
        seen.extend(reversed(fresh))
        return list(seen)

    def allowed(self, before: list[Range]) -> float:
        """Return the points that the last bars may have run."""
        average = sum(bar.high - bar.low for bar in before) / len(before)
        usual = average * self.config.multiple
        return usual if self.config.points is None else min(usual, float(self.config.points))
