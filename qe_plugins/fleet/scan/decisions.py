"""Which children a parent counts, whether it has its quorum, and their aggregate.

Nothing here waits or calls a model, so every engine that runs a tree decides the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from qe_plugins.fleet.aggregate import CONFLICT, Aggregate, Vote, merge, missing_subtree, pool
from qe_plugins.fleet.prompts.requests import RequestBuilder, TableRow
from qe_plugins.fleet.scan.outcome import LATE, NO_QUORUM, NodeOutcome
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.tree import Level, Node, rank_of, tree_of
from qe_plugins.llm.requests import Request
from qe_plugins.plugins.types import Role


def missing_children(
    children: Sequence[Node], arrived: Mapping[str, NodeOutcome]
) -> dict[str, str]:
    """Return the children that do not count, by id with the reason: late, or without an answer."""
    missing: dict[str, str] = {}
    for child in children:
        outcome = arrived.get(child.id)
        if outcome is None or outcome.missing is not None:
            missing[child.id] = LATE if outcome is None else str(outcome.missing)
    return missing


def is_included(child: Node, missing: Mapping[str, str] | None) -> bool:
    """Return whether a child's outcome is used. One below its quorum is, but does not count."""
    return missing is None or missing.get(child.id, NO_QUORUM) == NO_QUORUM


class ParentRules:
    """The rules of all parents of one tree."""

    def __init__(self, fleet: Fleet, requests: RequestBuilder) -> None:
        self._fleet, self._requests = fleet, requests
        self._tree = tree_of(fleet)

    def aggregate(
        self, node: Node, included: Sequence[NodeOutcome], missing: Mapping[str, str]
    ) -> NodeOutcome:
        """Return a parent's outcome before its model is asked; below its quorum it is final."""
        count = len(self._tree.children(node))
        below = count - len(missing) < rank_of(self._fleet, node.level).quorum * count
        aggregate = self._aggregate_of(node, included, missing)
        return NodeOutcome(node=node.id, aggregate=aggregate, missing=NO_QUORUM if below else None)

    def request(
        self, node: Node, included: Sequence[NodeOutcome], outcome: NodeOutcome
    ) -> Request | None:
        """Return a parent's request to its model about its children; None where it asks none."""
        aggregate = outcome.aggregate
        if outcome.missing is not None or aggregate is None or not self._asks(node, aggregate):
            return None
        return self._requests.for_parent(node, self._table(node, included), aggregate)

    def _asks(self, node: Node, aggregate: Aggregate) -> bool:
        asks = rank_of(self._fleet, node.level).ask_model
        return asks == "always" or (asks == "conflict" and aggregate.conflict >= CONFLICT)

    def _aggregate_of(
        self, node: Node, included: Sequence[NodeOutcome], missing: Mapping[str, str]
    ) -> Aggregate:
        if node.level is Level.SUPERVISOR:
            votes = [_vote(one) for one in included]
            return pool(votes, Counter(missing.values()), self._fleet.assumed_correlation)
        workers = self._tree.counts()[Level.WORKER] // self._tree.counts()[node.level.below]
        lost = [missing_subtree(workers, why) for why in missing.values() if why != NO_QUORUM]
        return merge([one.aggregate for one in included if one.aggregate], merge(lost))

    def _table(self, parent: Node, included: Sequence[NodeOutcome]) -> list[TableRow]:
        """Return a row per child with an aggregate; workers have none and appear in the totals."""
        named = parent.level is Level.DESK
        return [
            TableRow(one.node, one.aggregate, one.answer, self._role(one.node) if named else None)
            for one in included
            if one.aggregate is not None
        ]

    def _role(self, node_id: str) -> Role | None:
        node = self._tree.find(node_id)
        return self._requests.role(node) if node else None


def _vote(worker: NodeOutcome) -> Vote:
    answer = worker.answer
    assert answer is not None
    return Vote(worker.target, answer.score, answer.confidence, answer.reason)
