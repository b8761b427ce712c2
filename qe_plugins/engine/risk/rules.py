"""What no order that adds risk may break: the rung, margin, expiry, the market's hours."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import BarType, OrderType

from qe_plugins.engine.risk.rung import RungRule
from qe_plugins.market.sessions import closed_until, delivery

if TYPE_CHECKING:
    from qe_plugins.config.schema import Config
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.engine.risk.margin import MarginCalculator
    from qe_plugins.engine.risk.order_request import OrderDescription

SECOND = 1_000_000_000

Broken = list[tuple[str, str]]
"""Which rule, and why."""


class RiskRules:
    """Asked about every order that does not only reduce.

    `refuses` says whether a market order is refused while the market is closed, from `grace`
    nanoseconds after its close on.
    """

    def __init__(
        self,
        cache: Any,
        margin: MarginCalculator,
        rung: RungRule,
        *,
        flat_before: float,
        refuses: bool,
        grace: int = 0,
    ) -> None:
        self._cache, self._margin, self._rung, self._grace = cache, margin, rung, grace
        self._flat_before, self._refuses = int(flat_before * SECOND), refuses
        self._deadlines: dict[Any, int] = {}
        self._notices: dict[Any, date] = {}

    def broken(self, described: OrderDescription) -> Broken:
        """Return every rule that an order breaks."""
        order, ts = described.order, described.request.ts
        contract = order.instrument_id
        reasons = {
            "rung": self._rung.refusal(described),
            "margin": self._margin.refusal(order, described.contracts, described.present, ts),
            "expiry": self._expires(contract, ts),
            "session": self._closed(order, ts),
        }
        return [(rule, reason) for rule, reason in reasons.items() if reason]

    def deadline(self, contract: Any) -> int:
        """Return when (UTC nanoseconds) positions in a contract must be closed.

        Where they are not to be held into expiry they are not to be delivered, either.
        """
        if contract not in self._deadlines:
            ends: int = self._cache.instrument(contract).expiration_ns
            if self._flat_before and (delivered := delivery(contract.symbol.value, ends)):
                ends, self._notices[contract] = delivered
            self._deadlines[contract] = ends - self._flat_before
        return self._deadlines[contract]

    def flat_at(self, contract: Any) -> int | None:
        """Return when the house closes positions in a contract; None where they settle."""
        return self.deadline(contract) if self._flat_before else None

    def _expires(self, contract: Any, ts: int) -> str:
        deadline = self.deadline(contract)
        if ts < deadline:
            return ""
        if contract in self._notices:
            return f"{contract} may be delivered from {self._notices[contract]}"
        left = (deadline + self._flat_before - ts) // (60 * SECOND)
        return f"{contract} expires in {left} min" if left > 0 else f"{contract} has expired"

    def _closed(self, order: Any, ts: int) -> str:
        if not self._refuses or order.order_type != OrderType.MARKET:
            return ""
        root = self._cache.instrument(order.instrument_id).underlying
        opens = closed_until(root, ts)
        if opens and self._grace and closed_until(root, ts - self._grace) is None:
            return ""  # decided on a bar that traded: it waits for the next price
        return f"the market is closed until {opens:%Y-%m-%d %H:%M} in Chicago" if opens else ""


def rules_of(
    engine: Any, config: Config, margin: MarginCalculator, alarm: ExceptionTrap
) -> RiskRules:
    """Return the rules of a run on `engine`."""
    length = BarType.from_str(f"ES.XCME-{config.data.bars}-EXTERNAL").spec.timedelta
    grace = 0 if config.session.closed == "refuse" else int(length.total_seconds() * SECOND)
    refuses = config.fills.rules == "exchange"
    flat_before = config.expiry.flat_before
    rung = RungRule(engine.cache, config.rung, alarm)
    return RiskRules(
        engine.cache, margin, rung, flat_before=flat_before, refuses=refuses, grace=grace
    )
