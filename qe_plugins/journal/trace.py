"""The causal chain of one trade, from the bars that led to it to its reviews."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.lookup import resolve_prefix

BESIDE = {FactKind.SIZE, FactKind.VETO, FactKind.OUTCOME, FactKind.FAILURE, FactKind.FILL}
"""Kinds that cause nothing in the chain and are shown below their cause."""

type Effects = Mapping[str | None, Sequence[Fact]]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of the chain, `depth` causes below the first fact of its tree."""

    depth: int
    fact: Fact


def find_trade(facts: Iterable[Fact], text: str) -> Fact:
    """Return the trade whose id is `text` or begins with it, with or without `trade:` in front.

    A trade's number suffices where it is unique; `last` is the trade that closed last. Raises
    JournalError where no trade matches, or several do.
    """
    trades = {fact.id.removeprefix("trade:"): fact for fact in facts if fact.kind is FactKind.TRADE}
    if not trades:
        raise JournalError(
            "the run has no trades.", hint="`qe journal vetoes` lists vetoed orders."
        )
    if text == "last":
        return next(reversed(trades.values()))
    numbered = [name for name in trades if name.endswith(f"-{text}")]
    if len(numbered) == 1:
        return trades[numbered[0]]
    return trades[resolve_prefix(text.removeprefix("trade:"), list(trades), what="trade")]


def causal_chain(facts: Sequence[Fact], trade: Fact) -> list[Step]:
    """Return the trade, its orders, and all their causes and effects: causes first.

    Each effect follows its cause, one step deeper. The votes that a signal was resolved from count
    as its causes. There are several trees where one bar opened the trade and another closed it, and
    where the trade before it led to this one; that trade is not followed further.
    """
    by_id = {fact.id: fact for fact in facts}
    effects = _by_cause(facts)
    others = _orders_of_others(facts, trade)

    def causes(fact: Fact) -> list[Fact]:
        names = [] if fact.id in others else _causes(fact)
        return [by_id[name] for name in names if name in by_id]

    def beside(fact: Fact) -> list[Fact]:
        return [effect for effect in effects[fact.id] if effect.kind in BESIDE]

    orders = [by_id[name] for name in _orders(trade) if name in by_id]
    siblings = _bracket(orders, effects, others)
    above = _reached([trade, *siblings], causes)
    kept = above | _reached(above.values(), beside) | _reached([trade], lambda f: effects[f.id])
    return _in_trees([fact for fact in facts if fact.id in kept])


def _causes(fact: Fact) -> list[str]:
    causes = [*_orders(fact), *fact.body.get("votes", ())]
    return [fact.cause, *causes] if fact.cause else causes


def _orders(fact: Fact) -> list[str]:
    return [f"order:{name}" for name in fact.body.get("orders", ())]


def _orders_of_others(facts: Iterable[Fact], trade: Fact) -> set[str]:
    trades = [fact for fact in facts if fact.kind is FactKind.TRADE and fact.id != trade.id]
    return {name for other in trades for name in _orders(other)} - set(_orders(trade))


def _bracket(orders: Sequence[Fact], effects: Effects, others: set[str]) -> list[Fact]:
    """Return the orders submitted with the first one, such as a stop that was never hit."""
    return [
        effect
        for first in orders[:1]
        if first.cause
        for effect in effects[first.cause]
        if effect.kind is FactKind.ORDER
        and effect.source == first.source
        and effect.id not in others
    ]


def _by_cause(facts: Iterable[Fact]) -> defaultdict[str | None, list[Fact]]:
    effects: defaultdict[str | None, list[Fact]] = defaultdict(list)
    for fact in facts:
        effects[fact.cause].append(fact)
    return effects


def _reached(start: Iterable[Fact], step: Callable[[Fact], Iterable[Fact]]) -> dict[str, Fact]:
    visited: dict[str, Fact] = {}
    to_visit = list(start)
    while to_visit:
        fact = to_visit.pop()
        if fact.id not in visited:
            visited[fact.id] = fact
            to_visit.extend(step(fact))
    return visited


def _in_trees(kept: Sequence[Fact]) -> list[Step]:
    effects, ids = _by_cause(kept), {fact.id for fact in kept}
    steps: list[Step] = []
    to_visit = [(0, fact) for fact in reversed(kept) if fact.cause not in ids]
    while to_visit:
        depth, fact = to_visit.pop()
        steps.append(Step(depth=depth, fact=fact))
        to_visit.extend((depth + 1, effect) for effect in reversed(effects[fact.id]))
    return steps
