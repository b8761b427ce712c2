"""Strategies that know only the past, by means that an analysis could stumble on."""

from __future__ import annotations

import random
import time

import msgspec
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import BarType, InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

MINUTE = 60_000_000_000


class SmallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The contract."""

    instrument_id: str


class Small(Strategy):
    """Bars of five minutes, alerts between bars, changes and cancels, and orders as it stops."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.average = ExponentialMovingAverage(5)
        self.working = None
        self.count = self.quotes = 0

    def on_start(self) -> None:
        minutes = BarType.from_str(f"{self.instrument_id}-1-MINUTE-LAST-EXTERNAL")
        five = f"{self.instrument_id}-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL"
        self.five = BarType.from_str(five)
        self.subscribe_bars(minutes)
        self.register_indicator_for_bars(self.five, self.average)
        self.subscribe_bars(self.five)

    def on_bar(self, bar) -> None:
        self.count += 1
        if bar.bar_type.standard() == self.five.standard():
            self.quote(bar)
        if self.count % 97 == 0:
            at = self.clock.timestamp_ns() + MINUTE // 2
            self.clock.set_time_alert_ns(f"late-{self.count}", at, self.late)

    def quote(self, bar) -> None:
        if self.working is not None and self.cache.order(self.working).is_open:
            self.quotes += 1
            if self.quotes % 3 == 0:
                self.cancel_order(self.working)
            else:
                known = self.cache.order(self.working).price.as_decimal()
                price = Price.from_decimal_dp(known - 1, 2)
                self.modify_order(self.working, price=price)
            return
        if bar.close.as_double() < self.average.value:
            price = Price.from_decimal_dp(bar.close.as_decimal() - 2, 2)
            one = Quantity.from_int(1)
            order = self.order_factory.limit(self.instrument_id, OrderSide.BUY, one, price)
            self.working = order.client_order_id
            self.submit_order(order)

    def late(self, event) -> None:
        self.close_all_positions(self.instrument_id)

    def on_stop(self) -> None:
        self.cancel_all_orders(self.instrument_id)
        self.close_all_positions(self.instrument_id)


class Coin(Strategy):
    """Trades by chance, without a seed."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.draw = random.Random(time.time_ns())

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.instrument_id}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar) -> None:
        if self.draw.random() < 0.05:
            side = self.draw.choice([OrderSide.BUY, OrderSide.SELL])
            order = self.order_factory.market(self.instrument_id, side, Quantity.from_int(1))
            self.submit_order(order)
