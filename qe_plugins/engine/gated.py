"""What sends orders, strategy or algorithm, and puts them to the rules and the gate."""

from __future__ import annotations

from typing import Any, ClassVar

from nautilus_trader.model import Bar

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.gate import Refusal, request_of


class Gated:
    """What sends orders, and puts them to the gate."""

    floor: ClassVar[Floor]

    def _sends(self, order: Any) -> None:
        """Remember what the order is an answer to."""
        self.floor.recorder.handled[order.client_order_id] = self.floor.alarm.handling

    def _vetoed(self, order: Any, **more: Any) -> tuple[OrderRequest, list[Refusal]]:
        """Put an order to the gate unless it only reduces."""
        request, reduces = request_of(self, order, **more)
        return request, [] if reduces else self._refused(request, order, more.get("submitted", ()))

    def _refused(self, request: OrderRequest, order: Any, submitted: Any = ()) -> list[Refusal]:
        """Hold an order against the rules, then ask the guardians; what breaks a rule is vetoed."""
        broken = self._broken(request, order, submitted)
        for rule, reason in broken:
            self.floor.recorder.veto(request, rule, reason)
        instrument = self.floor.cache.instrument(order.instrument_id)
        return broken + self.floor.gate.refusals(self, request, instrument)

    def _broken(self, request: OrderRequest, order: Any, submitted: Any) -> list[Refusal]:
        """Return the rules an order breaks: mostly none, which shows at a glance."""
        rules = self.floor.rules
        if request.grows is None and rules.allows(order, submitted, request.ts):
            return []
        return rules.broken(request, order, submitted)

    def _passes(self, order: Any, submitted: list[Any]) -> bool:
        """Say at a glance that nobody is to be asked about an order, and no rule stands against."""
        floor, handling = self.floor, self.floor.alarm.handling
        if not floor.gate.idle:
            return False
        sender: Any = self
        now = handling.ts_init if isinstance(handling, Bar) else sender.clock.timestamp_ns()
        return floor.rules.allows(order, submitted, now)
