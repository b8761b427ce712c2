"""Strategies that trade a live session at the simulated TWS."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model import BarType, InstrumentId

from qe_plugins import Side, Signal
from strategies._bracket import Bracketed, bracket


class OneBracketConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`stop` and `target` are distances in points from the price when it enters."""

    instrument_id: str
    bars: str = "5-SECOND-LAST"
    stop: float = 5.0
    target: float = 15.0
    entries: int = 1
    contracts: int = 1


class OneBracket(Bracketed):
    """Buys with a bracket as soon as it may, `entries` times."""

    sent: list[int]

    def __init__(self, config: OneBracketConfig) -> None:
        super().__init__(config)
        self.contract = InstrumentId.from_str(config.instrument_id)
        self.left = config.entries

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.contract}-{self.config.bars}-EXTERNAL"))
        self.subscribe_quotes(self.contract)

    def on_quote(self, quote: Any) -> None:
        if self.left <= 0 or self.net_position(self.contract) or self.working(self.contract):
            return
        if self._run_context.gate.not_ready():  # type: ignore[attr-defined]
            return
        self.left -= 1
        price = Decimal(str(quote.ask_price))
        signal = Signal(
            instrument_id=str(self.contract),
            side=Side.LONG,
            entry=price,
            stop=price - Decimal(str(self.config.stop)),
            target=price + Decimal(str(self.config.target)),
            reason="a test",
        )
        self.submit_order_list(bracket(self, signal, self.config.contracts))
        self.log.info(f"sent {time.time_ns()}")
