"""What no order that adds risk may break, whoever is active: margin, expiry, the market's hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model import OrderType

from qe_plugins.config.schema import Config
from qe_plugins.decisions import OrderRequest
from qe_plugins.engine.exposure import counts_of_working
from qe_plugins.engine.margin import Margin
from qe_plugins.market.hours import closed_until, delivery, stretch

SECOND = 1_000_000_000

Broken = list[tuple[str, str]]
"""Which rule, and why."""


class Standing(msgspec.Struct, frozen=True):
    """How a contract stands from `since` up to, not including, `until` (UTC nanoseconds).

    In between the market is open, the contract may be held, and one costs `initial` dollars.
    """

    since: int
    until: int
    initial: float


NEVER = Standing(0, 0, 0.0)


class Rules:
    """Asked about every order. `allow` is the quick answer; `broken` has the reasons."""

    def __init__(self, cache: Any, margin: Margin, *, flat_before: float, refuses: bool) -> None:
        self._cache, self._margin = cache, margin
        self._flat_before, self._refuses = int(flat_before * SECOND), refuses
        self._deadlines: dict[Any, int] = {}
        self._notices: dict[Any, date] = {}
        self._standings: dict[Any, Standing] = {}
        self._asked: tuple[Any, Standing] = (None, NEVER)
        self._working = counts_of_working(cache)

    def allow(self, contract: Any, more: float, ts: int) -> bool:
        """Say at a glance that an order at a bar breaks no rule; False means look closer.

        `more` are contracts, negative to sell; `ts` is when the bar is heard (UTC nanoseconds).
        """
        before, standing = self._asked
        if contract != before or not standing.since <= ts < standing.until:
            standing = self._standing(contract, ts)
            if not standing.since <= ts < standing.until:
                return False
        if not self._margin.kept.holds(contract, more, standing.initial):
            return False
        opened, inflight, emulated = self._working
        return not (opened() or inflight() or emulated())

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

    def _standing(self, contract: Any, ts: int) -> Standing:
        """Return how a contract stands now, the same object while it stands so."""
        standing = self._standings.get(contract, NEVER)
        if not standing.since <= ts < standing.until:
            standing = self._standings[contract] = self._stand(contract, ts)
        self._asked = (contract, standing)
        return standing

    def _stand(self, contract: Any, ts: int) -> Standing:
        """Return how a contract stands; while it does not, that it stands at no time."""
        margins, since, until = self._margin.span(contract, ts)
        until = min(until, self.deadline(contract))
        if self._refuses:
            open_ = stretch(self._cache.instrument(contract).underlying, ts) or (since, until)
            since, until = max(since, open_[0]), min(until, open_[1])
        return Standing(since, until, float(margins.initial))

    def _closed(self, order: Any, ts: int) -> str:
        if not self._refuses or order.order_type != OrderType.MARKET:
            return ""
        opens = closed_until(self._cache.instrument(order.instrument_id).underlying, ts)
        return f"the market is closed until {opens:%Y-%m-%d %H:%M} in Chicago" if opens else ""


def rules_of(engine: Any, config: Config, margin: Margin) -> Rules:
    """Return the rules of a run on `engine`."""
    refuses = config.session.closed == "refuse"
    flat_before = config.expiry.flat_before
    return Rules(engine.cache, margin, flat_before=flat_before, refuses=refuses)
