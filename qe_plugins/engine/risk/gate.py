"""The gate: guardians are called for every order that adds risk before it leaves a strategy.

A vetoed order is denied through Nautilus, so that it ends DENIED like any order the engine denies.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ExecAlgorithmId, OrderInitialized
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

from qe_plugins.plugins.caller import NO_REASON
from qe_plugins.plugins.deadline import HookTimeoutError
from qe_plugins.plugins.types import OrderRequest, Posture, Rung, Veto
from qe_plugins.safe_text import named, writable

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.plugin_account import Account
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.signals.features import RunFeatures
    from qe_plugins.engine.signals.history import History
    from qe_plugins.halt.latch import HaltLatch
    from qe_plugins.plugins import HookResult, PluginManager

VETO = ExecAlgorithmId("VETO")
HALT = "halt"
"""The name of the rule that the halt latch is."""

WARM_UP = "warm_up"
"""The name of the rule that a session's components have their history before risk is added."""

LADDER = "ladder"
"""The name of the rule that the rung in force is the one that binds the run."""

CHANGED_FIELDS = {
    "emulation_trigger",
    "exec_algorithm_id",
    "exec_algorithm_params",
    "exec_spawn_id",
}
COPIED_FIELDS = [
    name for name in inspect.signature(OrderInitialized).parameters if name not in CHANGED_FIELDS
]

OrderRefusal = tuple[str, str]
"""The name of the rule or plugin that refused an order, and its reason."""


class OrderGate:
    """Calls `veto_order`. In doubt an order is vetoed: on an exception, on an answer that took
    more than `timeout` seconds or has another type, and on a Veto without a reason.

    The gate itself checks the posture: a halt or an expired posture allows no new risk, whatever
    its source and whether or not a guardian is active. So does the halt `latch`, which a session
    has and a backtest has not. `not_ready`, where it is set, returns why no risk may be added yet,
    empty where it may; so does `rung_refusal` for an order, in a session on a ladder.
    """

    def __init__(
        self,
        plugins: PluginManager,
        recorder: Recorder,
        *,
        rung: Rung,
        posture: Posture | None,
        timeout: float,
        account: Account,
        history: History,
        instruments: Mapping[str, Any],
        features: RunFeatures,
        latch: HaltLatch | None = None,
    ) -> None:
        self._latch = latch
        self.not_ready: Callable[[], str] | None = None
        self.rung_refusal: Callable[[OrderRequest], str] | None = None
        self._veto_order = plugins.caller("veto_order")
        self._recorder, self._timeout = recorder, timeout
        self._instruments, self._features = instruments, features
        self._constant = {
            "rung": rung,
            "account": account,
            "history": history,
            "features": features.of(""),
        }
        self._arguments: dict[int, dict[str, Any]] = {}
        self.posture = posture

    def set_posture(self, posture: Posture | None) -> None:
        """Replace the posture in force."""
        self.posture = posture

    def set_rung(self, rung: Rung) -> None:
        """Replace the rung that guardians are given."""
        self._constant["rung"] = rung
        self._arguments.clear()

    def refusals(self, component: Any, request: OrderRequest) -> list[OrderRefusal]:
        """Check an order that adds risk by latch, posture and guardians; record each refusal."""
        found: list[OrderRefusal] = []
        if self._latch is not None and (halt := self._latch.read()) is not None:
            found.append((HALT, writable(halt.line)))
        if self.not_ready is not None and (waits := self.not_ready()):
            found.append((WARM_UP, waits))
        if self.rung_refusal is not None and (changed := self.rung_refusal(request)):
            found.append((LADDER, writable(changed)))
        if self.posture is not None and (reason := self.posture.refuses(request.ts, request.side)):
            found.append(("posture", writable(reason)))
        if self._veto_order is not None:
            given = self._arguments.get(id(component)) or self._arguments_for(component)
            given["order"], given["instrument"] = request, self._instruments[request.instrument_id]
            given["posture"] = self.posture
            if self._features.active:
                given["features"] = self._features.of(request.instrument_id)
            for answer in self._veto_order.call_quietly(given, self._timeout):
                if answer.error is not None:
                    self._recorder.failure(answer.plugin, "veto_order", answer.error, request.ts)
                if (reason := self._reason(answer)) is not None:
                    found.append((answer.plugin, reason))
        for plugin, reason in found:
            self._recorder.veto(request, plugin, reason)
        return found

    def _arguments_for(self, component: Any) -> dict[str, Any]:
        """Return the hook's arguments that are the same for every order of a component."""
        views = {"portfolio": component.portfolio, "cache": component.cache}
        given = self._arguments[id(component)] = self._constant | views
        return given

    def _reason(self, answer: HookResult) -> str | None:
        """Return why an answer vetoes an order, None where it does not."""
        if isinstance(answer.error, HookTimeoutError):
            return str(answer.error)
        if answer.error is not None:
            return f"raised {named(answer.error)}"
        if answer.seconds > self._timeout:
            return f"took {answer.seconds:.3f} s to answer, the limit is {self._timeout:g} s"
        if answer.value is None:
            return None
        if isinstance(answer.value, Veto):
            return answer.value.reason.strip() or NO_REASON
        return f"answered {type(answer.value).__name__}, which is neither Veto nor None"


def denial_reason(refusals: list[OrderRefusal]) -> str:
    """Return the refusals as one text, the reason of a denied order."""
    return "; ".join(f"{plugin}: {reason}" for plugin, reason in refusals)


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
