"""What a scan's workflows and activities tell each other: plain data, small enough for a history.

Requests and answers are not among it. They are in the ledger, which every process here can reach.
"""

from __future__ import annotations

import msgspec

from qe_plugins.fleet.outcome import Outcome
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.shelf import Decision
from qe_plugins.fleet.split import Split, split
from qe_plugins.fleet.tree import Level, Tree, rank_of, tree_of

POOL, DECIDE = "pool", "decide"
PROGRESS, SPOKEN = "progress", "spoken"
"""What a scan's workflow can be asked while it runs."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A scan to be run. `deadlines` are in seconds from its start, by rank."""

    scan: str
    tree: Tree
    deadlines: dict[Level, float]
    split: Split


class CaptainOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One captain's part of a scan that began at `began`, in seconds since the epoch."""

    order: Order
    node: str
    began: float


class PoolOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor to be run, `elapsed` seconds into its scan, with so many `calls` at once."""

    scan: str
    node: str
    elapsed: float
    calls: int


class DecideOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A parent to decide with those `heard`, without those `missing`.

    `whole` is what a supervisor's workers came to, worked out before.
    """

    scan: str
    node: str
    elapsed: float
    heard: tuple[Outcome, ...] = ()
    missing: dict[str, str] = {}
    whole: Outcome | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of the tree hands up: its outcome, and every decision made in it.

    `asks` says that a supervisor's own model is still to be asked.
    """

    outcome: Outcome
    decisions: tuple[Decision, ...]
    asks: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A scan at its end: every decision that was made, and the seconds that it took."""

    decisions: tuple[Decision, ...]
    seconds: float


class Count(msgspec.Struct, frozen=True):
    """How many of one rank are being worked on, are done, and have failed."""

    open: int = 0
    done: int = 0
    failed: int = 0


def order_of(scan: str, fleet: Fleet) -> Order:
    """Return what a workflow is told of a scan. Raises FleetError for too wide a tree."""
    tree = tree_of(fleet)
    return Order(
        scan=scan,
        tree=tree,
        deadlines={level: rank_of(fleet, level).deadline for level in Level},
        split=split(tree, fleet.calls.concurrency),
    )
