"""What no order that adds risk may break, whoever is active: margin, expiry, the market's hours."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.model import OrderType

from qe_plugins.config.schema import Config
from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.margin import Margin
from qe_plugins.market.hours import closed_until, stretch

SECOND = 1_000_000_000
NEVER, ALWAYS = (0, 0), (0, 2**63 - 1)

Broken = list[tuple[str, str]]
"""Which rule, and why."""


class Rules:
    """Asked about every order. `allows` is the quick answer; `broken` has the reasons."""

    def __init__(self, cache: Any, margin: Margin, *, flat_before: float, refuses: bool) -> None:
        self._cache, self._margin = cache, margin
        self._flat_before, self._refuses = int(flat_before * SECOND), refuses
        self._deadlines: dict[Any, int] = {}
        self._trading: dict[Any, tuple[int, int]] = {}

    def allows(self, order: Any, submitted: list[Any], ts: int) -> bool:
        """Say at a glance that an order breaks no rule; False means look closer."""
        return (
            ts < self.deadline(order.instrument_id)
            and (not self._needs_market(order) or self._is_open(order.instrument_id, ts))
            and self._margin.fits(order, submitted, ts)
        )

    def broken(self, request: OrderRequest, order: Any, submitted: Iterable[Any]) -> Broken:
        """Return every rule that an order breaks."""
        contract, ts = order.instrument_id, request.ts
        contracts: Decimal = request.quantity
        reasons = {
            "margin": self._margin.refusal(order, contracts, submitted, ts),
            "expiry": self._expires(contract, ts),
            "session": self._closed(order, ts),
        }
        return [(rule, reason) for rule, reason in reasons.items() if reason]

    def deadline(self, contract: Any) -> int:
        """Return when (UTC nanoseconds) positions in a contract must be closed."""
        if contract not in self._deadlines:
            expires = self._cache.instrument(contract).expiration_ns
            self._deadlines[contract] = expires - self._flat_before
        return self._deadlines[contract]

    def flat_at(self, contract: Any) -> int | None:
        """Return when the house closes positions in a contract; None where they settle."""
        return self.deadline(contract) if self._flat_before else None

    def _expires(self, contract: Any, ts: int) -> str:
        deadline = self.deadline(contract)
        if ts < deadline:
            return ""
        left = (deadline + self._flat_before - ts) // (60 * SECOND)
        return f"{contract} expires in {left} min" if left > 0 else f"{contract} has expired"

    def _needs_market(self, order: Any) -> bool:
        """Say whether an order cannot wait for a market that is closed."""
        return self._refuses and order.order_type == OrderType.MARKET

    def _is_open(self, contract: Any, ts: int) -> bool:
        """Say whether a contract trades; looked up once for each stretch of trading."""
        opens, closes = self._trading.get(contract, NEVER)
        if not opens <= ts < closes:
            root = self._cache.instrument(contract).underlying
            opens, closes = self._trading[contract] = stretch(root, ts) or ALWAYS
        return opens <= ts

    def _closed(self, order: Any, ts: int) -> str:
        if not self._needs_market(order):
            return ""
        opens = closed_until(self._cache.instrument(order.instrument_id).underlying, ts)
        return f"the market is closed until {opens:%Y-%m-%d %H:%M} in Chicago" if opens else ""


def rules_of(engine: Any, config: Config, margin: Margin) -> Rules:
    """Return the rules of a run on `engine`."""
    refuses = config.session.closed == "refuse"
    flat_before = config.expiry.flat_before
    return Rules(engine.cache, margin, flat_before=flat_before, refuses=refuses)
