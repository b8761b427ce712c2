"""Crossing of two moving averages: the simplest trend follower, for benchmarks and comparisons.

Thesis: no claim of edge. A fast average above a slow one means that prices have been rising. Being
long then and short otherwise trades often, is always in the market, and is the same in every
backtester, so it is used to compare speed and fills.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

Length = Annotated[int, msgspec.Meta(ge=1)]


class EmaCrossConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fast` and `slow` are lengths in bars; `mode` is the position in a downtrend."""

    instrument_id: str
    bars: str = "1-MINUTE-LAST"
    fast: Length = 10
    slow: Length = 30
    mode: Literal["long_short", "long_flat"] = "long_short"
    contracts: Annotated[int, msgspec.Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be shorter than slow, was {self.fast} and {self.slow}")


class EmaCross(Strategy):
    """Long while the fast average is above the slow one, else short (or flat)."""

    def __init__(self, config: EmaCrossConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.bar_type = BarType.from_str(f"{config.instrument_id}-{config.bars}-EXTERNAL")
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)
        self.up: bool | None = None
        self.net = Decimal(0)
        self.denied = False

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bar_type, self.fast)
        self.register_indicator_for_bars(self.bar_type, self.slow)
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        if self.denied:
            self.denied = False
            self.become(0)
        up = self.fast.value > self.slow.value
        if up is not self.up:
            self.up = up
            self.become(self.wanted(up))

    def on_order_filled(self, event: Any) -> None:
        filled = event.last_qty.as_decimal()
        self.net += filled if event.is_buy else -filled

    def on_order_denied(self, event: Any) -> None:
        """Close at the next bar: the veto was of the reversal, not of closing the position.

        Not at once: the engine calls this from inside `submit_order`.
        """
        self.denied = True

    def wanted(self, up: bool) -> int:
        """Return the target position in signed contracts."""
        if up:
            return self.config.contracts
        return -self.config.contracts if self.config.mode == "long_short" else 0

    def become(self, position: int) -> None:
        """Trade from the current position to `position` with one market order."""
        missing = int(position - self.net)
        if missing != 0:
            side = OrderSide.BUY if missing > 0 else OrderSide.SELL
            quantity = Quantity.from_int(abs(missing))
            self.submit_order(self.order_factory.market(self.instrument_id, side, quantity))
