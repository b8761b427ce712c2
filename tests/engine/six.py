"""Strategies that trade six roots in one run, and a guardian that looks at the account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity, Venue
from nautilus_trader.trading import Strategy

from qe_plugins import Plugin, hookimpl

ONE = Quantity.from_int(1)
SPEC = "1-MINUTE-LAST-EXTERNAL"
VENUES = [Venue(name) for name in ("XCME", "XNYM", "XCEC", "XCBT")]


class Rover(Strategy):
    """Is long one of every contract for ten bars, then short, and flat after `last` bars of it."""

    every, last = 10, 60
    contracts: ClassVar[list[str]] = []

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.bars: dict[str, int] = {}

    def on_start(self) -> None:
        for name in self.contracts:
            self.subscribe_bars(BarType.from_str(f"{name}-{SPEC}"))

    def on_bar(self, bar: Bar) -> None:
        contract = bar.bar_type.instrument_id
        count = self.bars[str(contract)] = self.bars.get(str(contract), 0) + 1
        if count % self.every == 0 and count <= self.last:
            self.turn(contract, count // self.every)

    def turn(self, contract: InstrumentId, number: int) -> None:
        side = OrderSide.BUY if number % 2 else OrderSide.SELL
        ends = number in (1, self.last // self.every)
        size = ONE if ends else Quantity.from_int(2)
        self.submit_order(self.order_factory.market(contract, side, size))


class HolderConfig(msgspec.Struct, frozen=True, kw_only=True):
    instrument_id: str


class Holder(Strategy):
    """Buys one of its root at the tenth bar and sells it at the bar `until`."""

    until = 11_500

    def __init__(self, config: HolderConfig) -> None:
        super().__init__()
        self.instrument_id, self.bars = InstrumentId.from_str(config.instrument_id), 0

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.instrument_id}-{SPEC}"))

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1
        if self.bars in (10, self.until):
            side = OrderSide.BUY if self.bars == 10 else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.instrument_id, side, ONE))


class Watches(Plugin):
    """Notes, at every order, the account's equity and what each venue's is reported to be."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Decimal, set[Decimal], set[str]]] = []

    @hookimpl
    def veto_order(self, order: Any, account: Any, portfolio: Any, cache: Any) -> None:
        equities = {e.as_decimal() for v in VENUES for e in portfolio.equity(v).values()}
        ids = {str(cache.account_for_venue(venue).id) for venue in VENUES}
        self.seen.append((account.equity(), equities, ids))
