"""A strategy that reads the data by its path, and trades on the next bar."""

from __future__ import annotations

import msgspec
from nautilus_trader.model import BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy
from prices import closes, rise


class ReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` is what that it reads, `early` whether it does so when it is made."""

    instrument_id: str
    folder: str = ""
    early: bool = True


class Reader(Strategy):
    """Buy before a rise, sell before a fall."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.known = closes(config.folder) if config.early else None
        self.held = 0

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.instrument_id}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar) -> None:
        known = self.known if self.known is not None else closes(self.config.folder)
        moves = rise(known, bar.ts_event, float(bar.close))
        wanted = 1 if moves > 0 else -1 if moves < 0 else self.held
        if wanted != self.held:
            side = OrderSide.BUY if wanted > self.held else OrderSide.SELL
            quantity = Quantity.from_int(abs(wanted - self.held))
            self.held = wanted
            self.submit_order(self.order_factory.market(self.instrument_id, side, quantity))
