"""Two moving averages crossing: the plainest trend follower, here to measure with.

Thesis: none worth money. A fast average above a slow one says that prices have been rising; being
long then and short otherwise trades often, is always in the market, and is the same in every
backtester, which makes it the yardstick for speed and for fills.
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
    """`fast` and `slow` are lengths in bars; `mode` says what to be when the trend is down."""

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
    """Be long while the fast average is above the slow one, else short (or flat)."""

    def __init__(self, config: EmaCrossConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.bar_type = BarType.from_str(f"{config.instrument_id}-{config.bars}-EXTERNAL")
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)
        self.up: bool | None = None
        self.held = Decimal(0)
        self.refused = False

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bar_type, self.fast)
        self.register_indicator_for_bars(self.bar_type, self.slow)
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        if self.refused:
            self.refused = False
            self.become(0)
        up = self.fast.value > self.slow.value
        if up is not self.up:
            self.up = up
            self.become(self.wanted(up))

    def on_order_filled(self, event: Any) -> None:
        filled = event.last_qty.as_decimal()
        self.held += filled if event.is_buy else -filled

    def on_order_denied(self, event: Any) -> None:
        """Close at the next bar: whoever refused to turn the position did not ask to keep it.

        Not here: the engine denies while it is still inside `submit_order`.
        """
        self.refused = True

    def wanted(self, up: bool) -> int:
        """Return the position to have, in contracts."""
        if up:
            return self.config.contracts
        return -self.config.contracts if self.config.mode == "long_short" else 0

    def become(self, position: int) -> None:
        """Trade from the position held to `position` with one market order."""
        missing = int(position - self.held)
        if missing != 0:
            side = OrderSide.BUY if missing > 0 else OrderSide.SELL
            quantity = Quantity.from_int(abs(missing))
            self.submit_order(self.order_factory.market(self.instrument_id, side, quantity))
