"""The gate: guardians are called for every order that adds risk before it leaves a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qe_plugins.plugins.caller import NO_REASON
from qe_plugins.plugins.types import OrderRequest, Posture, Rung, Veto
from qe_plugins.safe_text import named, writable

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.plugin_account import Account
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.signals.history import History
    from qe_plugins.plugins import HookResult, PluginManager

OrderRefusal = tuple[str, str]
"""The name of the rule or plugin that refused an order, and its reason."""


class OrderGate:
    """Calls `veto_order`. In doubt an order is vetoed: on an exception, on an answer that took
    more than `timeout` seconds or has another type, and on a Veto without a reason.

    The gate itself checks the posture: a halt or an expired posture allows no new risk, whatever
    its source and whether or not a guardian is active.
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
    ) -> None:
        self._veto_order = plugins.caller("veto_order")
        self._recorder, self._timeout = recorder, timeout
        self._instruments = instruments
        self._constant = {"rung": rung, "account": account, "history": history}
        self._arguments: dict[int, dict[str, Any]] = {}
        self.posture = posture

    def set_posture(self, posture: Posture | None) -> None:
        """Replace the posture in force."""
        self.posture = posture

    def refusals(self, component: Any, request: OrderRequest) -> list[OrderRefusal]:
        """Check an order that adds risk by the posture and every guardian; record each refusal."""
        found: list[OrderRefusal] = []
        if self.posture is not None and (reason := self.posture.refuses(request.ts)):
            found.append(("posture", writable(reason)))
        if self._veto_order is not None:
            given = self._arguments.get(id(component)) or self._arguments_for(component)
            given["order"], given["instrument"] = request, self._instruments[request.instrument_id]
            given["posture"] = self.posture
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
