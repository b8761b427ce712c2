"""What sends orders, strategy or algorithm, and puts them to the rules and the gate."""

from __future__ import annotations

from typing import Any, ClassVar

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.gate import Refusal
from qe_plugins.engine.requests import lone_request_of, request_of


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

    def _refused(self, order: Any) -> tuple[OrderRequest, list[Refusal]] | None:
        """Put a lone order to the rules and the gate; return who refused it, None for nobody."""
        if self._allowed(order):
            gate = self.floor.gate
            if gate.idle:
                return None
            request, reduces = lone_request_of(self, order)
            refusals = [] if reduces else gate.refusals(self, request, order.instrument_id)
        else:
            request, refusals = self._vetoed(order)
        return (request, refusals) if refusals else None

    def _vetoed(self, order: Any, **more: Any) -> tuple[OrderRequest, list[Refusal]]:
        """Put an order to the rules and the gate unless it only reduces."""
        request, reduces = request_of(self, order, submitted=self._unlisted(), **more)
        if reduces:
            return request, []
        broken = self._broken(request, order)
        return request, broken + self.floor.gate.refusals(self, request, order.instrument_id)

    def _broken(self, request: OrderRequest, order: Any) -> list[Refusal]:
        """Return the rules an order breaks, each of which is a veto."""
        if request.grows is None and self._allowed(order):
            return []
        broken = self.floor.rules.broken(request, order, self._unlisted())
        for rule, reason in broken:
            self.floor.recorder.veto(request, rule, reason)
        return broken
