"""The gate: every order that adds risk is put to the guardians before it leaves a strategy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model import Bar, OrderSide, OrderType

from qe_plugins.decisions import OrderRequest, Posture, Rung, Veto
from qe_plugins.engine.exposure import at_risk, only_reduces, position, working
from qe_plugins.engine.recorder import Recorder, decimal, signal_in
from qe_plugins.manager import Answer, Plugins

Refusal = tuple[str, str]
"""Who refused, and why."""


class Gate:
    """Asks `veto_order`. Doubt is a veto: an exception, a slow answer, an answer of another kind.

    `idle` says that there is nobody to ask.

    The posture is checked by the gate itself: a halt or an expired posture allows no new risk,
    whoever set it and whether or not a guardian is active.
    """

    def __init__(
        self,
        plugins: Plugins,
        recorder: Recorder,
        *,
        rung: Rung,
        posture: Posture | None,
        timeout: float,
    ) -> None:
        self._ask = plugins.bind("veto_order")
        self._recorder, self._rung, self._timeout = recorder, rung, timeout
        self.take(posture)

    def take(self, posture: Posture | None) -> None:
        """Go by a posture from now on."""
        self.posture = posture
        self.idle = self._ask is None and posture is None

    def refusals(self, component: Any, request: OrderRequest, instrument: Any) -> list[Refusal]:
        """Ask everybody about an order that adds risk; journal each refusal and return them."""
        found = self._posture_refuses(request)
        if self._ask is not None:
            given = {
                "order": request,
                "instrument": instrument,
                "portfolio": component.portfolio,
                "cache": component.cache,
                "posture": self.posture,
                "rung": self._rung,
            }
            answers = self._ask.voices(given, beyond=self._timeout)
            found += [(a.plugin, reason) for a in answers if (reason := self._reason(a))]
        for plugin, reason in found:
            self._recorder.veto(request, plugin, reason)
        return found

    def _posture_refuses(self, request: OrderRequest) -> list[Refusal]:
        reason = self.posture.refuses(request.ts) if self.posture else None
        return [("posture", reason)] if reason else []

    def _reason(self, answer: Answer) -> str | None:
        if answer.error is not None:
            return f"raised {type(answer.error).__name__}: {answer.error}"
        if answer.seconds > self._timeout:
            return f"took {answer.seconds:.3f} s to answer, the limit is {self._timeout:g} s"
        if answer.value is None:
            return None
        if isinstance(answer.value, Veto):
            return answer.value.reason
        return f"answered {type(answer.value).__name__}, which is neither Veto nor None"


def request_of(
    component: Any,
    order: Any,
    *,
    contracts: Decimal | None = None,
    grows: Decimal | None = None,
    stop: Decimal | None = None,
    submitted: Any = (),
) -> tuple[OrderRequest, bool]:
    """Describe an order as the guardians see it, and say whether it only reduces.

    `contracts` are asked for in place of the order's leaves, `grows` of them new; `stop` is the
    trigger of the protective stop that comes with it; `submitted` were sent within this callback.
    """
    floor, instrument_id, strategy_id = component.floor, order.instrument_id, order.strategy_id
    cache, handling, side = floor.cache, floor.alarm.handling, order.side
    held = position(cache, instrument_id, strategy_id)
    others = working(cache, instrument_id, strategy_id, side, submitted)
    leaves = decimal(order.leaves_qty) if contracts is None else contracts
    total = leaves
    if others:
        others.pop(order.client_order_id, None)
        pairs = [(o, decimal(o.leaves_qty)) for o in others.values()]
        total = at_risk([*pairs, (order, leaves)])
    priced = order.order_type != OrderType.MARKET
    signal = signal_in(handling)
    request = OrderRequest(
        client_order_id=order.client_order_id.value,
        strategy=strategy_id.value,
        instrument_id=str(instrument_id),
        side=side.name,
        type=order.order_type.name,
        quantity=leaves,
        price=optional(order, "price") if priced else None,
        trigger=optional(order, "trigger_price") if priced else None,
        stop=stop,
        grows=grows,
        position=held,
        working=abs(held + total if side == OrderSide.BUY else held - total),
        signal_id=(signal.id or None) if signal else None,
        ts=handling.ts_init if isinstance(handling, Bar) else component.clock.timestamp_ns(),
        emulated=order.emulation_trigger is not None,
    )
    return request, only_reduces(held, side, total)


def optional(order: Any, name: str) -> Decimal | None:
    """Return a price of an order, or None where its type has no such price."""
    value = getattr(order, name, None)
    return None if value is None else decimal(value)


def told(refusals: list[Refusal]) -> str:
    """Return the refusals as the one reason a denied order carries."""
    return "; ".join(f"{plugin}: {reason}" for plugin, reason in refusals)
