"""What sends orders, strategy or algorithm, and puts them to the rules and the gate."""

from __future__ import annotations

from typing import Any, ClassVar

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.gate import Refusal, request_of


class Gated:
    """What sends orders, and puts them to the gate."""

    floor: ClassVar[Floor]

    def _sends(self, order: Any) -> None:
        """Remember what the order is an answer to."""
        self.floor.recorder.handled[order.client_order_id] = self.floor.alarm.handling

    def _unlisted(self) -> list[Any]:
        """Return orders that were sent of late, and that the cache does not list yet."""
        return self.floor.submitted()

    def _allowed(self, order: Any) -> bool:
        """Say at a glance that an order breaks no rule."""
        floor = self.floor
        if floor.sent and self._unlisted():
            return False
        return floor.rules.allows(order, floor.alarm.handling)

    def _vetoed(self, order: Any, **more: Any) -> tuple[OrderRequest, list[Refusal]]:
        """Put an order to the gate unless it only reduces."""
        request, reduces = request_of(self, order, submitted=self._unlisted(), **more)
        return request, [] if reduces else self._refused(request, order)

    def _refused(self, request: OrderRequest, order: Any) -> list[Refusal]:
        """Hold an order against the rules, then ask the guardians; what breaks a rule is vetoed."""
        broken = self._broken(request, order)
        for rule, reason in broken:
            self.floor.recorder.veto(request, rule, reason)
        instrument = self.floor.cache.instrument(order.instrument_id)
        return broken + self.floor.gate.refusals(self, request, instrument)

    def _broken(self, request: OrderRequest, order: Any) -> list[Refusal]:
        """Return the rules an order breaks: mostly none, which shows at a glance."""
        if request.grows is None and self._allowed(order):
            return []
        return self.floor.rules.broken(request, order, self._unlisted())
