"""What sends orders, strategy or algorithm, and puts them to the rules and the gate."""

from __future__ import annotations

from typing import Any, ClassVar

from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.floor import Floor
from qe_plugins.engine.gate import Refusal
from qe_plugins.engine.requests import describe_order


class Gated:
    """What sends orders, and puts them to the gate."""

    _floor: ClassVar[Floor]

    def _sends(self, order: Any) -> None:
        """Remember what the order is an answer to."""
        self._floor.recorder.sends(order, self._floor.alarm.handling)

    def _unlisted(self) -> list[Any]:
        """Return orders that were sent of late, and that the cache does not list yet."""
        return self._floor.submitted()

    def _refused(self, order: Any, **more: Any) -> tuple[OrderRequest, list[Refusal]] | None:
        """Put an order to the rules and the gate; return who refused it, None where it passes.

        An order that only reduces is put to neither.
        """
        described = describe_order(self, order, submitted=self._unlisted(), **more)
        if described.reduces:
            return None
        floor, request = self._floor, described.request
        broken = floor.rules.broken(described)
        for rule, reason in broken:
            floor.recorder.veto(request, rule, reason)
        refusals = broken + floor.gate.refusals(self, request)
        return (request, refusals) if refusals else None
