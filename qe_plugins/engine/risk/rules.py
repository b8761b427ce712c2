"""Always-on rules for orders that add risk: rung, margin, expiry, trading hours."""

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

type Violation = tuple[str, str]
"""The name of the rule that an order breaks, and the reason."""


class RiskRules:
    """Checks every order that does not only reduce a position.

    Where `deny_when_closed` is set, a market order breaks a rule while the market is closed, from
    `grace` nanoseconds after the close. `flat_before` is in seconds: how long before expiry (or
    delivery) positions must be closed; 0 lets them expire.
    """

    def __init__(
        self,
        cache: Any,
        margin: MarginCalculator,
        rung: RungRule,
        *,
        flat_before: float,
        deny_when_closed: bool,
        grace: int = 0,
    ) -> None:
        self._cache, self._margin, self._rung, self._grace = cache, margin, rung, grace
        self._flat_before, self._deny_when_closed = int(flat_before * SECOND), deny_when_closed
        self._deadlines: dict[Any, int] = {}
        self._notices: dict[Any, date] = {}

    def violations(self, described: OrderDescription) -> list[Violation]:
        """Return a violation for every rule that an order breaks."""
        order, ts = described.order, described.request.ts
        contract = order.instrument_id
        reasons = {
            "rung": self._rung.violation(described),
            "margin": self._margin.violation(order, described.contracts, described.context, ts),
            "expiry": self._expiry_violation(contract, ts),
            "session": self._session_violation(order, ts),
        }
        return [(rule, reason) for rule, reason in reasons.items() if reason]

    def deadline(self, contract: Any) -> int:
        """Return when (UTC nanoseconds) positions in a contract must be closed.

        Where positions may not be held into expiry, the first notice of delivery counts too.
        """
        if contract not in self._deadlines:
            ends: int = self._cache.instrument(contract).expiration_ns
            if self._flat_before and (delivered := delivery(contract.symbol.value, ends)):
                ends, self._notices[contract] = delivered
            self._deadlines[contract] = ends - self._flat_before
        return self._deadlines[contract]

    def flat_at(self, contract: Any) -> int | None:
        """Return when (UTC nanoseconds) positions are closed by force; None where they settle."""
        return self.deadline(contract) if self._flat_before else None

    def _expiry_violation(self, contract: Any, ts: int) -> str:
        deadline = self.deadline(contract)
        if ts < deadline:
            return ""
        if contract in self._notices:
            return f"{contract} may be delivered from {self._notices[contract]}"
        left = (deadline + self._flat_before - ts) // (60 * SECOND)
        return f"{contract} expires in {left} min" if left > 0 else f"{contract} has expired"

    def _session_violation(self, order: Any, ts: int) -> str:
        if not self._deny_when_closed or order.order_type != OrderType.MARKET:
            return ""
        root = self._cache.instrument(order.instrument_id).underlying
        opens = closed_until(root, ts)
        if opens and self._grace and closed_until(root, ts - self._grace) is None:
            return ""  # decided on a bar that traded: the order waits for the next price
        return f"the market is closed until {opens:%Y-%m-%d %H:%M} in Chicago" if opens else ""


def rules_of(
    cache: Any, config: Config, margin: MarginCalculator, trap: ExceptionTrap
) -> RiskRules:
    """Return the rules of a run whose engine has `cache`."""
    length = BarType.from_str(f"ES.XCME-{config.data.bars}-EXTERNAL").spec.timedelta
    grace = 0 if config.session.closed == "refuse" else int(length.total_seconds() * SECOND)
    deny_when_closed = config.fills.rules == "exchange"
    flat_before = config.expiry.flat_before
    rung = RungRule(cache, config.rung, trap)
    return RiskRules(
        cache,
        margin,
        rung,
        flat_before=flat_before,
        deny_when_closed=deny_when_closed,
        grace=grace,
    )
