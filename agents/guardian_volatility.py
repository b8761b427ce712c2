"""No entries in a storm: refuse while the market's recent range is out of proportion.

A stop placed in quiet bars is noise in wild ones, and fills there slip. The range of the last bars
is compared with the bars before them, and with a number of points where one is given. Too few bars
to judge by is a veto.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import BarType

from qe_plugins import Plugin, PluginConfig, Role, Veto, hookimpl

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar, FuturesContract, InstrumentId

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


class Seen:
    """The last bars of one contract: when they closed (UTC nanoseconds), and points."""

    def __init__(self, bar_type: BarType, judged: int, needed: int) -> None:
        self.bar_type, self.needed, self.last = bar_type, needed, 0
        self.highs: deque[float] = deque(maxlen=judged)
        self.lows: deque[float] = deque(maxlen=judged)
        self.ranges: deque[float] = deque(maxlen=needed)

    def catch_up(self, cache: Cache) -> None:
        """Read the bars that closed since the last order, the latest first."""
        fresh: list[Bar] = []
        for index in range(self.needed):
            bar = cache.bar(self.bar_type, index)
            if bar is None or bar.ts_event <= self.last:
                break
            fresh.append(bar)
        if fresh:
            self.last = fresh[0].ts_event
        for bar in reversed(fresh):
            high, low = bar.high.as_double(), bar.low.as_double()
            self.highs.append(high)
            self.lows.append(low)
            self.ranges.append(high - low)


class GuardianVolatility(Plugin):
    """Refuse an order while the last bars ran too far."""

    role = Role.GUARDIAN
    Config = GuardianVolatilityConfig
    config: GuardianVolatilityConfig

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.needed = self.config.bars + self.config.against
        self.seen: dict[InstrumentId, Seen] = {}

    @hookimpl
    def veto_order(self, instrument: FuturesContract, cache: Cache) -> Veto | None:
        """Compare the range of the last bars with what is allowed."""
        seen = self.of(instrument)
        seen.catch_up(cache)
        if len(seen.ranges) < self.needed:
            known = f"{len(seen.ranges)} bars of {instrument.id}"
            return Veto(f"{known} are too few to judge by, {self.needed} are needed")
        against, bars = self.config.against, self.config.bars
        ran = max(seen.highs) - min(seen.lows)
        allowed = self.allowed(sum(islice(seen.ranges, against)) / against)
        if ran <= allowed:
            return None
        return Veto(f"ran {ran:.2f} points in {bars} bars, {allowed:.2f} are allowed")

    def of(self, instrument: FuturesContract) -> Seen:
        """Return what was seen of a contract."""
        seen = self.seen.get(instrument.id)
        if seen is None:
            bar_type = BarType.from_str(f"{instrument.id}-{self.config.bar}-EXTERNAL")
            seen = self.seen[instrument.id] = Seen(bar_type, self.config.bars, self.needed)
        return seen

    def allowed(self, average: float) -> float:
        """Return the points that the last bars may have run, by the average bar before them."""
        usual = average * self.config.multiple
        return usual if self.config.points is None else min(usual, float(self.config.points))
