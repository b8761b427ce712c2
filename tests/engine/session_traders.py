"""Strategies of sessions: they do what a test tells them, at the next bar."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model import Bar, BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from tests.engine import traders


class Obedient(Strategy):
    """Buys or sells one contract at market at the bar after it was told so."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.words: list[str] = []
        self.denied: list[str] = []
        self.received: list[Bar] = []

    def on_start(self) -> None:
        self.contract = self.cache.instruments()[0].id
        self.subscribe_bars(BarType.from_str(f"{self.contract}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        self.received.append(bar)
        for word in self.words:
            side = OrderSide.BUY if word == "buy" else OrderSide.SELL
            order = self.order_factory.market(self.contract, side, Quantity.from_int(1))
            self.submit_order(order)
        self.words.clear()

    def on_order_denied(self, event: Any) -> None:
        self.denied.append(event.reason)

    def say(self, word: str) -> None:
        self.words.append(word)

    def net(self) -> int:
        return int(self.portfolio.net_position(self.contract))


class ExitsAndEntersLater(traders.Trader):
    """Buys at its first bar, sells at its eighth, and buys again at its tenth."""

    def bar_1(self) -> None:
        self.submit_order(self.market(traders.BUY))

    def bar_8(self) -> None:
        self.submit_order(self.market(traders.SELL))

    def bar_10(self) -> None:
        self.submit_order(self.market(traders.BUY))


class IsRejected(ExitsAndEntersLater):
    """Sends three orders that no venue takes, in three bars."""

    def bar_3(self) -> None:
        tif = traders.TimeInForce.AT_THE_OPEN
        self.submit_order(self.market(traders.BUY, time_in_force=tif))

    bar_4 = bar_5 = bar_3


class EntersAtEveryBar(traders.Trader):
    """Buys at each of its first ten bars."""

    def bar_1(self) -> None:
        self.submit_order(self.market(traders.BUY))

    bar_2 = bar_3 = bar_4 = bar_5 = bar_6 = bar_7 = bar_8 = bar_9 = bar_10 = bar_1
