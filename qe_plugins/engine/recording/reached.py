"""What an open run had reached when its process ended: numbers, fills, open orders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Self

import msgspec

from qe_plugins.journal.facts import Fact, FactKind

NUMBERED = re.compile(r"-(\d+)")
RECENT = 50_000
"""How many ids of facts are remembered, to tell the causes that the journal has."""


class RecentIds(dict[str, str]):
    """The newest ids, each with a text; the oldest are dropped beyond RECENT."""

    def note(self, name: str, text: str = "") -> None:
        """Remember an id."""
        self[name] = text
        if len(self) > RECENT:
            del self[next(iter(self))]


class ReachedRun(msgspec.Struct):
    """What a run that is continued takes from its journal.

    `counts` are the numbers reached by kind of fact, `orders` by strategy id; `fills` are the facts
    of all fills, oldest first. `open_orders` are the intents without an outcome by client order id.
    """

    counts: dict[FactKind, int] = msgspec.field(default_factory=dict)
    orders: dict[str, int] = msgspec.field(default_factory=dict)
    fills: list[Fact] = msgspec.field(default_factory=list)
    open_orders: dict[str, Fact] = msgspec.field(default_factory=dict)
    known: RecentIds = msgspec.field(default_factory=RecentIds)
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> Self:
        """Return what the facts of an open run, in their order, had reached."""
        found = cls()
        for fact in facts:
            found._take(fact)
        return found

    def _take(self, fact: Fact) -> None:
        _, _, rest = fact.id.partition(":")
        self.known.note(fact.id, str(fact.body.get("client_order_id", "")))
        if rest.isdigit():
            self.counts[fact.kind] = max(self.counts.get(fact.kind, 0), int(rest))
        if fact.kind is FactKind.FILL:
            self.fills.append(fact)
        elif fact.kind is FactKind.ORDER and "#" not in fact.id:
            self._take_order(rest, fact)
        elif fact.kind is FactKind.OUTCOME:
            name = rest.partition("#")[0]
            self.open_orders.pop(name, None)
            self.outcomes[name] += 1

    def _take_order(self, name: str, fact: Fact) -> None:
        self.open_orders[name] = fact
        if numbers := NUMBERED.findall(name):
            number = max(self.orders.get(fact.source, 0), int(numbers[-1]))
            self.orders[fact.source] = number
