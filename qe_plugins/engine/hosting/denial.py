"""Deny an order through the engine, so that it ends DENIED like any order the engine refuses."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from nautilus_trader.model import ExecAlgorithmId, OrderInitialized
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

VETO = ExecAlgorithmId("VETO")

CHANGED = {"emulation_trigger", "exec_algorithm_id", "exec_algorithm_params", "exec_spawn_id"}
KEPT = [name for name in inspect.signature(OrderInitialized).parameters if name not in CHANGED]


class VetoAlgorithm(ExecutionAlgorithm):
    """Where vetoed orders are sent instead of to the venue.

    The denial waits until the strategy's callback has returned, as the engine's own denials do: the
    strategy may then order again in `on_order_denied`.
    """

    def __init__(self, waiting: deque[Callable[[], None]]) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id="VETO"))
        self._waiting = waiting
        self.reasons: dict[Any, str] = {}

    def on_order(self, order: Any) -> None:
        reason = self.reasons.pop(order.client_order_id)
        self._waiting.append(partial(self.deny_order, order, reason))


def rerouted_to_veto(order: Any) -> Any:
    """Return `order` made anew for the denier. Emulation is dropped: it would hold the order."""
    first = order.init_event
    fields = {name: getattr(first, name) for name in KEPT if hasattr(first, name)}
    fields["exec_algorithm_id"] = VETO
    fields["exec_spawn_id"] = first.client_order_id
    return type(order).create(OrderInitialized(**fields))
