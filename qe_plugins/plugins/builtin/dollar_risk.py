"""Position sizing by dollar risk: the loss at the stop never exceeds the budget."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from qe_plugins.plugins.base import Plugin, PluginConfig, hookimpl
from qe_plugins.plugins.types import Role, Rung, Side, Signal, Size
from qe_plugins.units import Money

if TYPE_CHECKING:
    from nautilus_trader.model import FuturesContract

BEYOND = {Side.LONG: "below", Side.SHORT: "above", Side.FLAT: "beyond"}


class DollarRiskConfig(PluginConfig, frozen=True):
    """`budget` is the loss allowed at the stop of one trade; None takes the rung's `risk`."""

    budget: Money | None = None


class DollarRisk(Plugin):
    """Size a signal by the distance to its stop: 0 contracts where 1 would exceed the budget."""

    role = Role.SYSTEM
    Config = DollarRiskConfig
    config: DollarRiskConfig

    @hookimpl
    def size_order(self, signal: Signal, instrument: FuturesContract, rung: Rung) -> Size:
        """Return floor(budget / (stop distance × multiplier)) contracts, never one rounded up."""
        budget = rung.risk if self.config.budget is None else self.config.budget
        currency = rung.currency
        distance = points_at_risk(signal)
        if distance is None or distance <= 0:
            return Size(0, f"no stop {BEYOND[signal.side]} the entry, so the risk is unknown")
        risk = distance * instrument.multiplier.as_decimal()
        contracts = contracts_for(budget, risk)
        if contracts == 0:
            reason = f"one contract risks {risk:f} {currency}, the budget is {budget:f} {currency}"
            return Size(0, reason)
        most = f"{contracts} × {risk:f} = {contracts * risk:f} {currency}"
        return Size(contracts, f"{most} of {budget:f} {currency}")


def points_at_risk(signal: Signal) -> Decimal | None:
    """Return the points from entry to stop, negative where the stop is on the wrong side."""
    if signal.entry is None or signal.stop is None:
        return None
    distance = signal.entry - signal.stop
    return -distance if signal.side is Side.SHORT else distance


def contracts_for(budget: Decimal, risk: Decimal) -> int:
    """Return how many contracts a budget allows that each lose `risk` at the stop."""
    return max(0, int(budget // risk))
