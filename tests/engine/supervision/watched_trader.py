"""A driven strategy that also writes our book to a file four times a second."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.model import OrderSide, Price, Quantity, TimeInForce
from nautilus_trader.trading import Strategy

from qe_plugins.engine.broker.order_terms import order_tag
from tests.engine.broker.live_traders import Driven, DrivenConfig

EVERY = 200_000_000


class Watched(Driven):
    """Writes `book.json`: what is held, and the orders that are open or in flight."""

    def __init__(self, config: DrivenConfig) -> None:
        super().__init__(config)

    def on_start(self) -> None:
        super().on_start()
        self.clock.set_timer_ns("BOOK", EVERY, callback=self.on_book)

    def second_stop(self, below: float) -> None:
        """Sell at a second stop, a point below the first, past the gate, which would refuse it."""
        trigger = Price.from_decimal_dp(Decimal(str(below)) - 1, 2)
        stop = self.order_factory.stop_market(
            self.contract,
            OrderSide.SELL,
            Quantity(1, 0),
            trigger,
            time_in_force=TimeInForce.GTC,
            tags=[order_tag("second")],
        )
        Strategy.submit_order(self, stop)

    def jump(self, seconds: float) -> None:
        """Have the clock of this process jump, as a wrong time server would."""
        ahead = float(os.environ["FAKETIME"].removesuffix("s")) + seconds
        os.environ["FAKETIME"] = f"{ahead:+.3f}s"

    def on_book(self, event: Any) -> None:
        orders = {
            one.client_order_id.value: one.status.name
            for one in self.cache.orders(instrument_id=self.contract)
            if not one.is_closed and one.status.name not in ("INITIALIZED", "DENIED")
        }
        positions = self.cache.positions_open(instrument_id=self.contract)
        net = int(sum(one.signed_qty for one in positions))
        refusal = self._run_context.gate.not_ready()  # type: ignore[attr-defined]
        book = {"at": event.ts_event / 1e9, "net": net, "orders": orders, "refusal": refusal}
        file = Path(self.config.folder) / "book.json"
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(book))
        os.replace(draft, file)
