"""A driven strategy that also writes our book to a file four times a second."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.engine.broker.live_traders import Driven, DrivenConfig

EVERY = 200_000_000


class Watched(Driven):
    """Writes `book.json`: what is held, and the orders that are open or in flight."""

    def __init__(self, config: DrivenConfig) -> None:
        super().__init__(config)

    def on_start(self) -> None:
        super().on_start()
        self.clock.set_timer_ns("BOOK", EVERY, callback=self.on_book)

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
