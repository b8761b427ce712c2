"""Deny an order through Nautilus, so that it ends DENIED like any order the engine denies."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from nautilus_trader.model import ExecAlgorithmId, OrderInitialized
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

VETO = ExecAlgorithmId("VETO")

CHANGED_FIELDS = {
    "emulation_trigger",
    "exec_algorithm_id",
    "exec_algorithm_params",
    "exec_spawn_id",
}
COPIED_FIELDS = [
    name for name in inspect.signature(OrderInitialized).parameters if name not in CHANGED_FIELDS
]


class VetoAlgorithm(ExecutionAlgorithm):
    """Receives vetoed orders in place of the venue, and denies them.

    An order is denied only after the strategy's callback has returned, as the engine's own denials
    are: the strategy may then submit another order in `on_order_denied`. `deferred` takes the
    functions to call at that time; `reasons` are by client order id.
    """

    def __init__(self, deferred: deque[Callable[[], None]]) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id="VETO"))
        self._deferred = deferred
        self.reasons: dict[Any, str] = {}

    def on_order(self, order: Any) -> None:
        reason = self.reasons.pop(order.client_order_id)
        self._deferred.append(partial(self.deny_order, order, reason))


def rerouted_to_veto(order: Any) -> Any:
    """Return a copy of `order` addressed to the VetoAlgorithm, without its emulation trigger.

    An emulated order would be held back and not reach the algorithm.
    """
    first = order.init_event
    fields = {name: getattr(first, name) for name in COPIED_FIELDS if hasattr(first, name)}
    fields["exec_algorithm_id"] = VETO
    fields["exec_spawn_id"] = first.client_order_id
    return type(order).create(OrderInitialized(**fields))
