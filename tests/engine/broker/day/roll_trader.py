"""A strategy of no contract of its own: it buys, with a bracket, and closes what a file says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.model import InstrumentId

from qe_plugins import Side, Signal
from strategies._bracket import Bracketed, bracket

SECOND = 1_000_000_000


class RollTraderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` has the files `buy` and `leave`, each with a contract, until it is read."""

    folder: str
    contracts: int = 1


class RollTrader(Bracketed):
    """Looks for the files once a second."""

    def on_start(self) -> None:
        self.clock.set_timer_ns("LOOK", SECOND, callback=self.on_look)

    def on_look(self, _event: Any) -> None:
        leave = Path(self.config.folder) / "leave"
        if leave.exists():
            self.leave(InstrumentId.from_str(leave.read_text()))
            leave.unlink()
        file = Path(self.config.folder) / "buy"
        if not file.exists() or self._run_context.gate.not_ready():  # type: ignore[attr-defined]
            return
        contract = InstrumentId.from_str(file.read_text())
        quote = self.cache.quote(contract)
        if quote is None:
            return
        file.unlink()
        price = Decimal(str(quote.ask_price))
        signal = Signal(
            instrument_id=str(contract),
            side=Side.LONG,
            entry=price,
            stop=price - 5,
            target=price + 15,
            reason="a test",
        )
        self.submit_order_list(bracket(self, signal, 1))
