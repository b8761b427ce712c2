"""A strategy with an indicator: it buys at the first bar that closes above its average."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import BarType, InstrumentId

from qe_plugins import Side, Signal
from strategies._bracket import Bracketed


class LiveFollowerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`length` is that of the average, `stop` and `target` are points from the close."""

    instrument_id: str
    bars: str = "5-SECOND-LAST"
    length: int = 10
    stop: float = 5.0
    target: float = 15.0
    contracts: int = 1


class LiveFollower(Bracketed):
    """Buys when a bar closes `over` points above its average, if it is flat."""

    over = 2.0

    def __init__(self, config: LiveFollowerConfig) -> None:
        super().__init__(config)
        self.contract = InstrumentId.from_str(config.instrument_id)
        self.average = ExponentialMovingAverage(config.length)

    def on_start(self) -> None:
        bar_type = BarType.from_str(f"{self.contract}-{self.config.bars}-EXTERNAL")
        self.register_indicator_for_bars(bar_type, self.average)
        self.subscribe_bars(bar_type)

    def on_bar(self, bar: Any) -> None:
        close = bar.close.as_decimal()
        is_flat = not self.net_position(self.contract)
        if not self.average.initialized or not is_flat or self.working(self.contract):
            return
        if float(close) > self.average.value + self.over:
            stop, target = (Decimal(str(one)) for one in (self.config.stop, self.config.target))
            reason = f"{float(close) - self.average.value:.6f} above its average"
            self.enter(
                Signal(
                    instrument_id=str(self.contract),
                    side=Side.LONG,
                    entry=close,
                    stop=close - stop,
                    target=close + target,
                    reason=reason,
                )
            )
