"""Strategies of another backtester's published regression tests, written anew from what they do.

Times are New York's, as there; a minute bar has the time of its end.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

NEW_YORK = ZoneInfo("America/New_York")
CLOSE = time(17)


class LeanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`contracts` are traded in this order; the day begins with the bar that ends at `since`.

    `side` is 1 to buy first and -1 to sell first.
    """

    contracts: list[str]
    since: str = "09:31"
    side: int = 1


class Lean(Strategy):
    """What the strategies have in common: bars of their contracts, and market orders."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__(config)
        self.since = time.fromisoformat(config.since)
        self.contracts = [InstrumentId.from_str(text) for text in config.contracts]

    def on_start(self) -> None:
        for contract in self.contracts:
            self.subscribe_bars(BarType.from_str(f"{contract}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        now = datetime.fromtimestamp(bar.ts_event // 1_000_000_000, UTC).astimezone(NEW_YORK)
        self.minute(bar.bar_type.instrument_id, bar, now)

    def minute(self, contract: InstrumentId, bar: Bar, now: datetime) -> None:
        """Take a bar of a contract; `now` is its end."""

    def is_regular(self, now: datetime) -> bool:
        """Say whether a bar that ends `now` is of regular trading hours."""
        return self.since <= now.time() <= CLOSE

    def trade(self, contract: InstrumentId, quantity: int) -> None:
        """Buy so many contracts at market; sell where there are less than none."""
        side = OrderSide.BUY if quantity > 0 else OrderSide.SELL
        size = Quantity.from_int(abs(quantity))
        self.submit_order(self.order_factory.market(contract, side, size))


class HoldFront(Lean):
    """Be long one contract of the first; once it has expired, of the next."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__(config)
        self.left = list(self.contracts)
        self.invested, self.free_since = False, 0

    def minute(self, contract: InstrumentId, bar: Bar, now: datetime) -> None:
        wanted = bool(self.left) and contract == self.left[0] and bar.ts_event > self.free_since
        if wanted and not self.invested and self.is_regular(now):
            self.invested = True
            self.trade(self.left.pop(0), 1)

    def on_position_closed(self, event) -> None:
        self.invested, self.free_since = False, event.ts_event


class Settlements(Lean):
    """Add, reduce, cross, add, close: two orders in the first two minutes, one a day, and one."""

    PLAN = (
        (date(2013, 10, 7), (2, 1)),
        (date(2013, 10, 8), (-1,)),
        (date(2013, 10, 9), (-3,)),
        (date(2013, 10, 10), (-1, 2)),
    )

    def __init__(self, config: LeanConfig) -> None:
        super().__init__(config)
        self.left = {day: list(orders) for day, orders in self.PLAN}

    def minute(self, contract: InstrumentId, bar: Bar, now: datetime) -> None:
        orders = self.left.get(now.date()) if self.is_regular(now) else None
        if orders:
            self.trade(contract, orders.pop(0) * self.config.side)


class StopsInTheEvening(Lean):
    """At 19:00 buy one and send a stop far above the market to sell it, which fills at once."""

    EVENINGS = range(6, 11)

    def minute(self, contract: InstrumentId, bar: Bar, now: datetime) -> None:
        if now.day in self.EVENINGS and now.time() == time(19):
            self.trade(contract, 1)
            far = round(float(bar.close) * 1.1 * 4) / 4
            one = Quantity.from_int(1)
            trigger = Price.from_str(f"{far:.2f}")
            stop = self.order_factory.stop_market(contract, OrderSide.SELL, one, trigger)
            self.submit_order(stop)
