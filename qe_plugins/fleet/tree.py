"""The tree of a fleet: ranks, nodes and their ids. An id is the path from the desk: `2.4.1.37`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec

from qe_plugins.fleet.settings import Fleet, Rank

ROOT = "desk"


class Level(StrEnum):
    """The ranks, from the root down."""

    DESK = "desk"
    COORDINATOR = "coordinator"
    CAPTAIN = "captain"
    SUPERVISOR = "supervisor"
    WORKER = "worker"

    @property
    def below(self) -> Level:
        """Return the next rank down. Raises IndexError for workers."""
        return LEVELS[LEVELS.index(self) + 1]


LEVELS = tuple(Level)


class Node(msgspec.Struct, frozen=True):
    """One node. `path` holds its number under each node above it, from 1; the desk's is empty."""

    path: tuple[int, ...]

    @property
    def id(self) -> str:
        """Return the id used on the command line: `desk`, `2`, `2.4.1.37`."""
        return _id_of(self.path)

    @property
    def level(self) -> Level:
        """Return the node's rank."""
        return LEVELS[len(self.path)]


def level_of(node_id: str) -> Level:
    """Return the rank of a node by its id."""
    return Level.DESK if node_id == ROOT else LEVELS[node_id.count(".") + 1]


@lru_cache(maxsize=16_384)
def _id_of(path: tuple[int, ...]) -> str:
    return ".".join(map(str, path)) or ROOT


class Tree(msgspec.Struct, frozen=True):
    """The number of children of each node by rank, from the desk to the supervisors."""

    widths: tuple[int, int, int, int]

    def children(self, node: Node) -> list[Node]:
        """Return the children of a node in order; a worker has none."""
        if node.level is Level.WORKER:
            return []
        return [Node((*node.path, n)) for n in range(1, self.widths[len(node.path)] + 1)]

    def nodes(self) -> Iterator[Node]:
        """Yield every node, each before its children."""
        stack = [Node(())]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(self.children(node)))

    def counts(self) -> dict[Level, int]:
        """Return the number of nodes of each rank, from the desk down."""
        counts, total = {Level.DESK: 1}, 1
        for level, width in zip(LEVELS[1:], self.widths, strict=True):
            total *= width
            counts[level] = total
        return counts

    @property
    def size(self) -> int:
        """Return the number of nodes."""
        return Counter(self.counts()).total()

    def find(self, text: str) -> Node | None:
        """Return the node of an id, None where the tree has none."""
        if text == ROOT:
            return Node(())
        parts = text.split(".")
        if len(parts) > len(self.widths) or not all(part.isdecimal() for part in parts):
            return None
        path = tuple(map(int, parts))
        inside = all(1 <= n <= width for n, width in zip(path, self.widths, strict=False))
        return Node(path) if inside else None

    def worker_number(self, node: Node) -> int:
        """Return a worker's number, from 0, among all workers of its coordinator."""
        _, captains, supervisors, workers = self.widths
        _, captain, supervisor, worker = node.path
        assert captain <= captains
        return ((captain - 1) * supervisors + supervisor - 1) * workers + worker - 1


def tree_of(fleet: Fleet) -> Tree:
    """Return the tree of a fleet."""
    ranks = fleet.ranks
    return Tree(
        (len(fleet.coordinators), ranks.captain.count, ranks.supervisor.count, ranks.worker.count)
    )


def rank_of(fleet: Fleet, level: Level) -> Rank:
    """Return the settings of a rank."""
    rank: Rank = getattr(fleet.ranks, level)
    return rank
