"""What a session at a broker refused and a backtest cannot: its rerun refuses the same orders.

A backtest has no quotes to measure a stop from, no warm-up and no broker in doubt. So the refusals
are taken as they were: for an order of the same contract and side, at the same bar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from qe_plugins.engine.broker.entry_rules import LIVE
from qe_plugins.engine.hosting.host import JOURNAL
from qe_plugins.engine.risk.gate import WARM_UP
from qe_plugins.engine.risk.margin import UNKNOWN_EQUITY
from qe_plugins.engine.risk.order_request import OrderDescription
from qe_plugins.engine.risk.rules import FurtherRules, OrderRules, Violation
from qe_plugins.journal.facts import Fact, FactKind

OF_A_BROKER = frozenset({LIVE, WARM_UP, JOURNAL})
"""Rules that a session at a broker has and its backtest has not."""

type About = tuple[int, str, str]
"""A bar's close (UTC ns), a contract and a side."""


class RefusalsOfThen:
    """The refusals of a session by the bar, the contract and the side of the order."""

    def __init__(self, closes: list[int], found: Mapping[About, list[Violation]]) -> None:
        self._closes, self._found = closes, found

    def of(self, ts: int, contract: str, side: str) -> list[Violation]:
        """Return why an order at a moment (UTC ns) was refused then."""
        return self._found.get((_moment(self._closes, ts), contract, side), [])


class RulesOfThen(FurtherRules):
    """The rules of a rerun: the configuration's, and what was refused in the session."""

    def __init__(self, rules: OrderRules, refused: RefusalsOfThen) -> None:
        super().__init__(rules)
        self._refused = refused

    def violations(self, described: OrderDescription) -> list[Violation]:
        """Return a violation for every rule that an order breaks, or broke then."""
        request = described.request
        then = self._refused.of(request.ts, request.instrument_id, str(request.side))
        return [*super().violations(described), *then]


def refusals_of_then(facts: Iterable[Fact]) -> RefusalsOfThen | None:
    """Return what a session at a broker refused; None where it refused nothing."""
    every = list(facts)
    closes = sorted({fact.ts_event for fact in every if fact.kind is FactKind.SNAPSHOT})
    found: defaultdict[About, list[Violation]] = defaultdict(list)
    for fact in every:
        body: dict[str, Any] = fact.body
        if fact.kind is FactKind.VETO and _is_a_brokers(body):
            about = _moment(closes, fact.ts_event), body["instrument_id"], str(body["side"])
            found[about].append((body["plugin"], body["reason"]))
    return RefusalsOfThen(closes, found) if found else None


def _is_a_brokers(body: dict[str, Any]) -> bool:
    """Return whether a veto is one that a backtest has no reason for."""
    return body["plugin"] in OF_A_BROKER or body["reason"].startswith(UNKNOWN_EQUITY)


def _moment(closes: list[int], ts: int) -> int:
    at = bisect_right(closes, ts)
    return closes[at - 1] if at else ts
