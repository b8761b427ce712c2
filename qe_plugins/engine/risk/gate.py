"""The gate: every order that adds risk is put to the guardians before it leaves a strategy."""

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
"""Who refused, and why."""


class OrderGate:
    """Asks `veto_order`. Doubt is a veto: an exception, a slow answer, an answer of another kind.
    So is a Veto without a reason.

    The posture is checked by the gate itself: a halt or an expired posture allows no new risk,
    whoever set it and whether or not a guardian is active.
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
        self._asker = plugins.caller("veto_order")
        self._recorder, self._timeout = recorder, timeout
        self._instruments = instruments
        self._constant = {"rung": rung, "account": account, "history": history}
        self._given: dict[int, dict[str, Any]] = {}
        self.take(posture)

    def take(self, posture: Posture | None) -> None:
        """Go by a posture from now on."""
        self.posture = posture

    def refusals(self, component: Any, request: OrderRequest) -> list[OrderRefusal]:
        """Ask everybody about an order that adds risk; journal each refusal and return them."""
        found: list[OrderRefusal] = []
        if self.posture is not None and (reason := self.posture.refuses(request.ts)):
            found.append(("posture", writable(reason)))
        if self._asker is not None:
            given = self._given.get(id(component)) or self._views(component)
            given["order"], given["instrument"] = request, self._instruments[request.instrument_id]
            given["posture"] = self.posture
            for answer in self._asker.call_quietly(given, self._timeout):
                if answer.error is not None:
                    self._recorder.failure(answer.plugin, "veto_order", answer.error, request.ts)
                if (reason := self._reason(answer)) is not None:
                    found.append((answer.plugin, reason))
        for plugin, reason in found:
            self._recorder.veto(request, plugin, reason)
        return found

    def _views(self, component: Any) -> dict[str, Any]:
        """Return what guardians may look at when a component sends an order."""
        views = {"portfolio": component.portfolio, "cache": component.cache}
        given = self._given[id(component)] = self._constant | views
        return given

    def _reason(self, answer: HookResult) -> str | None:
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
    """Return the refusals as the one reason a denied order carries."""
    return "; ".join(f"{plugin}: {reason}" for plugin, reason in refusals)
