"""Buy and hold: the market's own return, and the simplest strategy that is rolled.

Thesis: holding equities earns a premium over years. A strategy that is mostly long should do better
than this one. On a root (`instrument: ES`, `roll: volume`) it shows the cost of rolls.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy


class HoldConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`contracts` are bought (or sold short) at the first bar."""

    instrument_id: str
    bars: str = "1-MINUTE-LAST"
    side: Literal["LONG", "SHORT"] = "LONG"
    contracts: Annotated[int, msgspec.Meta(ge=1)] = 1


class Hold(Strategy):
    """Enter at the first bar and hold."""

    def __init__(self, config: HoldConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.bar_type = BarType.from_str(f"{config.instrument_id}-{config.bars}-EXTERNAL")
        self.entered = False

    def on_start(self) -> None:
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        if not self.entered:
            self.entered = True
            side = OrderSide.BUY if self.config.side == "LONG" else OrderSide.SELL
            size = Quantity.from_int(self.config.contracts)
            self.submit_order(self.order_factory.market(self.instrument_id, side, size))
