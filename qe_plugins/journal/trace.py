"""The causal chain of one trade, from the bars that led to it to the reviews that came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from qe_plugins.errors import JournalError
from qe_plugins.journal.prefixes import meant
from qe_plugins.journal.records import Fact, Kind

BESIDE = {Kind.SIZE, Kind.VETO, Kind.FAILURE}
"""What caused nothing in the chain and still belongs to it: shown under what caused it."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A fact and what it caused, as far as it belongs to the trade, in the order of the journal."""

    fact: Fact
    children: tuple[Node, ...] = ()


def find_trade(facts: Iterable[Fact], text: str) -> Fact:
    """Return the trade whose id is `text` or begins with it, with or without `trade:` in front.

    Raises JournalError for none and for several.
    """
    trades = {fact.id.removeprefix("trade:"): fact for fact in facts if fact.kind is Kind.TRADE}
    if not trades:
        raise JournalError("the run has no trades.", hint="`qe journal vetoes` shows refusals.")
    return trades[meant(text.removeprefix("trade:"), list(trades), what="trade")]


def causal_chain(facts: Sequence[Fact], trade: Fact) -> list[Node]:
    """Return the trees that hold the trade, its fills, and all that led to them or came of them.

    The votes that a signal was made of count as its causes, and all orders of a signal belong to
    it. There are several trees when another bar closed the trade than the one that opened it.
    """
    by_id = {fact.id: fact for fact in facts}
    effects = _by_cause(facts)

    def causes(fact: Fact) -> list[Fact]:
        named = [fact.cause, *fact.body.get("fills", ()), *fact.body.get("votes", ())]
        return [by_id[id_] for id_ in named if id_ in by_id]

    def beside(fact: Fact) -> list[Fact]:
        return [effect for effect in effects[fact.id] if _is_beside(fact, effect)]

    above = _reached([trade], causes)
    kept = above | _reached(above.values(), beside) | _reached([trade], lambda f: effects[f.id])
    return _trees([fact for fact in facts if fact.id in kept])


def _is_beside(cause: Fact, effect: Fact) -> bool:
    return effect.kind in BESIDE or (cause.kind is Kind.SIGNAL and effect.kind is Kind.ORDER)


def _by_cause(facts: Iterable[Fact]) -> defaultdict[str | None, list[Fact]]:
    effects: defaultdict[str | None, list[Fact]] = defaultdict(list)
    for fact in facts:
        effects[fact.cause].append(fact)
    return effects


def _reached(start: Iterable[Fact], step: Callable[[Fact], Iterable[Fact]]) -> dict[str, Fact]:
    met: dict[str, Fact] = {}
    to_visit = list(start)
    while to_visit:
        fact = to_visit.pop()
        if fact.id not in met:
            met[fact.id] = fact
            to_visit.extend(step(fact))
    return met


def _trees(kept: Sequence[Fact]) -> list[Node]:
    effects, ids = _by_cause(kept), {fact.id for fact in kept}

    def grown(fact: Fact) -> Node:
        return Node(fact=fact, children=tuple(grown(effect) for effect in effects[fact.id]))

    return [grown(fact) for fact in kept if fact.cause not in ids]
