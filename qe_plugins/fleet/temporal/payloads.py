"""Inputs and outputs of workflows and activities: plain data, small enough for a history.

Requests and answers are not part of it: they are in the ledger, which all processes share. Names
on the wire differ from the attributes where the struct says so.
"""

from __future__ import annotations

import msgspec

from qe_plugins.cluster.payload_converter import prepare_types
from qe_plugins.fleet.scan.outcome import NodeOutcome
from qe_plugins.fleet.scan.store import ParentDecision
from qe_plugins.fleet.settings import Fleet
from qe_plugins.fleet.temporal.concurrency_split import ConcurrencySplit, split
from qe_plugins.fleet.tree import Level, Tree, rank_of, tree_of

POOL, DECIDE = "pool", "decide"
PROGRESS, DECIDED = "progress", "spoken"
"""Queries that a running scan workflow answers."""


class ScanInput(msgspec.Struct, frozen=True, kw_only=True):
    """A scan to run. `deadlines` are in seconds from its start, by rank."""

    scan: str
    tree: Tree
    deadlines: dict[Level, float]
    split: ConcurrencySplit


class CaptainInput(msgspec.Struct, frozen=True, kw_only=True, rename={"scan": "order"}):
    """One captain's part of a scan that began at `began`, in seconds since the epoch."""

    scan: ScanInput
    node: str
    began: float


class SupervisorInput(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor to run, `elapsed` seconds into its scan, with `calls` in flight at most."""

    scan: str
    node: str
    elapsed: float
    calls: int


PARENT_NAMES = {"included": "heard", "aggregate": "whole"}


class ParentInput(msgspec.Struct, frozen=True, kw_only=True, rename=PARENT_NAMES):
    """A parent to decide with its children `included`, without those `missing`.

    `aggregate` is the outcome of a supervisor's workers where it is already known.
    """

    scan: str
    node: str
    elapsed: float
    included: tuple[NodeOutcome, ...] = ()
    missing: dict[str, str] = {}
    aggregate: NodeOutcome | None = None


class SubtreeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a subtree: the outcome of its root and every decision taken in it.

    `asks` says that a supervisor's own model is still to be asked.
    """

    outcome: NodeOutcome
    decisions: tuple[ParentDecision, ...]
    asks: bool = False


class ScanOutput(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a scan's workflow: every decision, and the seconds it took."""

    decisions: tuple[ParentDecision, ...]
    seconds: float


class RankCount(msgspec.Struct, frozen=True):
    """Nodes of one rank that are being worked on, are done, and have failed."""

    open: int = 0
    done: int = 0
    failed: int = 0


def scan_input(scan: str, fleet: Fleet) -> ScanInput:
    """Return the input of a scan's workflow. Raises FleetError for a tree too wide."""
    tree = tree_of(fleet)
    return ScanInput(
        scan=scan,
        tree=tree,
        deadlines={level: rank_of(fleet, level).deadline for level in Level},
        split=split(tree, fleet.calls.concurrency),
    )


prepare_types(ScanInput, CaptainInput, SubtreeResult, ScanOutput, NodeOutcome)
