"""What a parent makes of those under it, in code: whom it does without, and what the rest come to.

Nothing here waits or asks, so that every engine that runs a tree decides the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from qe_plugins.fleet.aggregate import CONFLICT, Aggregate, Vote, absent, merge, pool
from qe_plugins.fleet.prompts.requests import RequestBuilder
from qe_plugins.fleet.prompts.user import TableRow
from qe_plugins.fleet.scan.outcome import LATE, NO_QUORUM, NodeOutcome
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, Node, rank_of, tree_of
from qe_plugins.llm.requests import Request
from qe_plugins.plugins.types import Role


def closed(under: Sequence[Node], arrived: Mapping[str, NodeOutcome]) -> dict[str, str]:
    """Return whom a parent does without, and why: those not there, and those that said nothing."""
    missing: dict[str, str] = {}
    for child in under:
        outcome = arrived.get(child.id)
        if outcome is None or outcome.missing is not None:
            missing[child.id] = LATE if outcome is None else str(outcome.missing)
    return missing


def is_heard(child: Node, missing: Mapping[str, str] | None) -> bool:
    """Return whether a child is heard. One without its quorum is, though it does not count."""
    return missing is None or missing.get(child.id, NO_QUORUM) == NO_QUORUM


class ParentRules:
    """The parents of one tree."""

    def __init__(self, fleet: Fleet, questions: RequestBuilder) -> None:
        self._fleet, self._questions = fleet, questions
        self._tree = tree_of(fleet)

    def pooled(
        self, node: Node, heard: Sequence[NodeOutcome], missing: Mapping[str, str]
    ) -> NodeOutcome:
        """Return a parent's outcome before its own model is asked; below its quorum that is all."""
        under = len(self._tree.children(node))
        below = under - len(missing) < rank_of(self._fleet, node.level).quorum * under
        whole = self._aggregate(node, heard, missing)
        return NodeOutcome(node=node.id, aggregate=whole, missing=NO_QUORUM if below else None)

    def request(
        self, node: Node, heard: Sequence[NodeOutcome], whole: NodeOutcome
    ) -> Request | None:
        """Return what a parent asks its model about those `heard`; None where it asks nothing."""
        aggregate = whole.aggregate
        if whole.missing is not None or aggregate is None or not self._asks(node, aggregate):
            return None
        return self._questions.of_parent(node, self._rows(node, heard), aggregate)

    def _asks(self, node: Node, whole: Aggregate) -> bool:
        asks = rank_of(self._fleet, node.level).ask_model
        return asks == "always" or (asks == "conflict" and whole.conflict >= CONFLICT)

    def _aggregate(
        self, node: Node, heard: Sequence[NodeOutcome], missing: Mapping[str, str]
    ) -> Aggregate:
        if node.level is Level.SUPERVISOR:
            votes = [_vote(one) for one in heard]
            return pool(votes, Counter(missing.values()), self._fleet.assumed_correlation)
        each = self._tree.counts()[Level.WORKER] // self._tree.counts()[node.level.below]
        lost = [absent(each, why) for why in missing.values() if why != NO_QUORUM]
        return merge([one.aggregate for one in heard if one.aggregate], merge(lost))

    def _rows(self, parent: Node, heard: Sequence[NodeOutcome]) -> list[TableRow]:
        """Return what a parent reads of those under it; of workers only what they come to."""
        named = parent.level is Level.DESK
        return [
            TableRow(one.node, one.aggregate, one.answer, self._role(one.node) if named else None)
            for one in heard
            if one.aggregate is not None
        ]

    def _role(self, name: str) -> Role | None:
        node = self._tree.find(name)
        return self._questions.role(node) if node else None


def _vote(worker: NodeOutcome) -> Vote:
    answer = worker.answer
    assert answer is not None
    return Vote(worker.target, answer.score, answer.confidence, answer.reason)
