"""Opening-range breakout: trade the first close outside the range of the session's first minutes.

Thesis: overnight orders meet at 08:30 in Chicago, and most early volume trades inside the first
range. A close outside it shows that one side is exhausted. The other side of the range is the
natural stop. One trade a day, flat before the session ends. No claim of edge.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId

from qe_plugins import Duration, Side, Signal
from strategies._bracket import Bracketed, Reward, target_of

CHICAGO = ZoneInfo("America/Chicago")

TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class OpeningRangeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`opens` and `flat_by` are Chicago times of day; `reward` is the target in units of risk."""

    instrument_id: str
    bars: str = "1-MINUTE-LAST"
    opens: TimeOfDay = "08:30"
    length: Annotated[Duration, msgspec.Meta(ge=60)] = 900.0
    flat_by: TimeOfDay = "14:55"
    reward: Reward = 2.0
    contracts: Annotated[int, msgspec.Meta(ge=1)] = 1


class OpeningRange(Bracketed):
    """Trade the first close outside the opening range, once a day."""

    def __init__(self, config: OpeningRangeConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.opens, self.flat_by = (
            time.fromisoformat(config.opens),
            time.fromisoformat(config.flat_by),
        )
        opening = datetime.combine(date.min, self.opens)
        self.range_ends = (opening + timedelta(seconds=config.length)).time()
        self.day: date | None = None
        self.reset_day()

    def reset_day(self) -> None:
        """Reset for a new day: no range yet, no trade."""
        self.high: Decimal | None = None
        self.low: Decimal | None = None
        self.traded = False

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.instrument_id}-{self.config.bars}-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        closed = datetime.fromtimestamp(bar.ts_event // 1_000_000_000, CHICAGO)
        if closed.date() != self.day:
            self.day = closed.date()
            self.reset_day()
        if not self.opens < closed.time() < self.flat_by:
            self.close_out()
        elif closed.time() <= self.range_ends:
            self.extend_range(bar)
        elif not self.traded and self.high is not None:
            self.enter_on_breakout(bar)

    def extend_range(self, bar: Bar) -> None:
        """Extend the opening range by a bar."""
        high, low = bar.high.as_decimal(), bar.low.as_decimal()
        self.high = high if self.high is None else max(self.high, high)
        self.low = low if self.low is None else min(self.low, low)

    def enter_on_breakout(self, bar: Bar) -> None:
        """Enter if the bar closed outside the range."""
        assert self.high is not None
        assert self.low is not None
        close = bar.close.as_decimal()
        if close > self.high:
            self.trade(bar, Side.LONG, close, stop=self.low)
        elif close < self.low:
            self.trade(bar, Side.SHORT, close, stop=self.high)

    def trade(self, bar: Bar, side: Side, entry: Decimal, *, stop: Decimal) -> None:
        """Enter with the stop at the far side of the range, the target at `reward` times risk."""
        self.traded = True
        self.enter(
            Signal(
                instrument_id=str(self.instrument_id),
                side=side,
                reason=f"closed outside the opening range {self.low} to {self.high}",
                entry=entry,
                stop=stop,
                target=target_of(entry, stop, self.config.reward),
                source=str(self.strategy_id),
                ts_event=bar.ts_event,
            )
        )

    def close_out(self) -> None:
        """Close the position outside the trading hours."""
        if self.net_position(self.instrument_id) and not self.is_leaving(self.instrument_id):
            self.leave(self.instrument_id)
