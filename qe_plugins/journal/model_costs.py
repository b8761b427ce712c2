"""What models cost for a trade: the decisions that its votes came from, and its reviews."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from qe_plugins.journal.facts import Fact, FactKind


class ModelCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision or review cost in USD. `what` names it, as in `qe journal steps`.

    A decision that led to several trades is named at each of them, with its whole cost.
    """

    what: str
    usd: Decimal


def costs_of(chain: Iterable[Fact], steps: Iterable[Fact]) -> list[ModelCost]:
    """Return what the decisions and reviews behind a trade cost, each once.

    `chain` are the facts of its causal chain, whose votes name decision and cost; `steps` those of
    a desk that are about the trade.
    """
    found: dict[str, Decimal] = {}
    for fact in chain:
        named = fact.body.get("facts")
        if fact.kind is FactKind.VOTE and isinstance(named, dict) and "usd" in named:
            found[str(named.get("hunt", fact.source))] = Decimal(str(named["usd"]))
    for fact in steps:
        if "usd" in fact.body:
            step = str(fact.body["step"])
            found[step] = found.get(step, Decimal(0)) + Decimal(str(fact.body["usd"]))
    return [ModelCost(what=what, usd=usd) for what, usd in found.items()]
