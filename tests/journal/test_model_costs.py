"""What models cost for a trade: its votes name the hunt and its cost, its reviews are steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.model_costs import ModelCost, costs_of


def fact(kind: FactKind, name: str, **body: Any) -> Fact:
    return Fact(id=name, kind=kind, ts_event=0, source="hunter_desk", body=body)


def test_a_hunt_counts_once_and_the_attempts_at_a_review_together():
    votes = [
        fact(FactKind.VOTE, f"vote:{n}", facts={"hunt": "hunt:1", "usd": "0.02"}) for n in (1, 2)
    ]
    rule = fact(FactKind.VOTE, "vote:3", facts={"score": 1})
    steps = [
        fact(FactKind.STEP, "review:1", step="review:1", state="intended"),
        fact(FactKind.STEP, "review:1.failed", step="review:1", state="failed", usd="0.01"),
        fact(FactKind.STEP, "review:1#2.done", step="review:1", state="done", usd="0.03"),
    ]

    assert costs_of([*votes, rule], steps) == [
        ModelCost(what="hunt:1", usd=Decimal("0.02")),
        ModelCost(what="review:1", usd=Decimal("0.04")),
    ]
