"""What sends orders, strategy or algorithm, and puts them to the rules and the gate."""

from __future__ import annotations

from typing import Any, ClassVar

from nautilus_trader.model import Bar

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.gate import Refusal
from qe_plugins.engine.requests import lone_request_of, request_of

type Asked = tuple[Any, float, int]
"""The contract, how many of it (negative to sell), and when (UTC nanoseconds)."""


class Gated:
    """What sends orders, and puts them to the gate."""

    _floor: ClassVar[Floor]

    def _sends(self, order: Any) -> None:
        """Remember what the order is an answer to."""
        self._floor.recorder.sends(order, self._floor.alarm.handling)

    def _unlisted(self) -> list[Any]:
        """Return orders that were sent of late, and that the cache does not list yet."""
        return self._floor.submitted()

    def _allowed(self, order: Any) -> Asked | None:
        """Return at a glance what an order asks for that breaks no rule; None means look closer.

        Only after a bar is the account's worth known, and only while nothing else is on its way.
        """
        floor = self._floor
        bar = floor.alarm.handling
        if not isinstance(bar, Bar) or (floor.sent and self._unlisted()):
            return None
        size = order.quantity.as_double()
        asked = order.instrument_id, size if order.is_buy else -size, bar.ts_init
        return asked if floor.rules.allow(*asked) else None

    def _refused(self, order: Any) -> tuple[OrderRequest, list[Refusal]] | None:
        """Put a lone order to the rules and the gate; return who refused it, None for nobody."""
        if (asked := self._allowed(order)) is not None:
            gate = self._floor.gate
            if gate.idle:
                return None
            request, reduces = lone_request_of(self, order, *asked)
            refusals = [] if reduces else gate.refusals(self, request)
        else:
            request, refusals = self._vetoed(order)
        return (request, refusals) if refusals else None

    def _vetoed(self, order: Any, **more: Any) -> tuple[OrderRequest, list[Refusal]]:
        """Put an order to the rules and the gate unless it only reduces."""
        request, reduces = request_of(self, order, submitted=self._unlisted(), **more)
        if reduces:
            return request, []
        broken = self._broken(request, order)
        return request, broken + self._floor.gate.refusals(self, request)

    def _broken(self, request: OrderRequest, order: Any) -> list[Refusal]:
        """Return the rules an order breaks, each of which is a veto."""
        if request.grows is None and self._allowed(order):
            return []
        broken = self._floor.rules.broken(request, order, self._unlisted())
        for rule, reason in broken:
            self._floor.recorder.veto(request, rule, reason)
        return broken
