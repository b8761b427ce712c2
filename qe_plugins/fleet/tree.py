"""The tree: who sits under whom. A node's id is its path from the desk, such as `2.4.1.37`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec

from qe_plugins.fleet.settings import Fleet, Rank

ROOT = "desk"


class Level(StrEnum):
    """The ranks by name, from the root down."""

    DESK = "desk"
    COORDINATOR = "coordinator"
    CAPTAIN = "captain"
    SUPERVISOR = "supervisor"
    WORKER = "worker"

    @property
    def below(self) -> Level:
        """Return the rank under this one; a worker has none."""
        return LEVELS[LEVELS.index(self) + 1]


LEVELS = tuple(Level)


class Node(msgspec.Struct, frozen=True):
    """One seat. `path` holds its number under each node above it, from 1; the desk's is empty."""

    path: tuple[int, ...]

    @property
    def id(self) -> str:
        """Return the name that people type: `desk`, `2`, `2.4.1.37`."""
        return _id_of(self.path)

    @property
    def level(self) -> Level:
        """Return the rank it has."""
        return LEVELS[len(self.path)]


@lru_cache(maxsize=16_384)
def _id_of(path: tuple[int, ...]) -> str:
    return ".".join(map(str, path)) or ROOT


class Tree(msgspec.Struct, frozen=True):
    """How many sit under each node of a rank, from the desk's coordinators to the workers."""

    widths: tuple[int, int, int, int]

    def children(self, node: Node) -> list[Node]:
        """Return who sits under a node, in order; nobody under a worker."""
        if node.level is Level.WORKER:
            return []
        return [Node((*node.path, n)) for n in range(1, self.widths[len(node.path)] + 1)]

    def nodes(self) -> Iterator[Node]:
        """Yield every node, each before those under it."""
        stack = [Node(())]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(self.children(node)))

    def counts(self) -> dict[Level, int]:
        """Return how many nodes each rank has, from the desk down."""
        counts, total = {Level.DESK: 1}, 1
        for level, width in zip(LEVELS[1:], self.widths, strict=True):
            total *= width
            counts[level] = total
        return counts

    @property
    def size(self) -> int:
        """Return how many nodes there are."""
        return Counter(self.counts()).total()

    def find(self, text: str) -> Node | None:
        """Return the node that an id means, or None where there is none."""
        if text == ROOT:
            return Node(())
        parts = text.split(".")
        if len(parts) > len(self.widths) or not all(part.isdecimal() for part in parts):
            return None
        path = tuple(map(int, parts))
        inside = all(1 <= n <= width for n, width in zip(path, self.widths, strict=False))
        return Node(path) if inside else None

    def seat(self, node: Node) -> int:
        """Return a worker's number, from 0, among all workers of its coordinator."""
        _, captains, supervisors, workers = self.widths
        _, captain, supervisor, worker = node.path
        assert captain <= captains
        return ((captain - 1) * supervisors + supervisor - 1) * workers + worker - 1


def tree_of(fleet: Fleet) -> Tree:
    """Return the tree that a configuration describes."""
    ranks = fleet.ranks
    return Tree(
        (len(fleet.coordinators), ranks.captain.count, ranks.supervisor.count, ranks.worker.count)
    )


def rank_of(fleet: Fleet, level: Level) -> Rank:
    """Return the settings of a rank."""
    rank: Rank = getattr(fleet.ranks, level)
    return rank
