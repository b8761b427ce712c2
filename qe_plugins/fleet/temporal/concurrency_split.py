"""Split of `calls.concurrency` among supervisors, which do not communicate.

Each supervisor has a share of its own; together the shares never exceed the limit, whichever
processes run them.
"""

from __future__ import annotations

from itertools import product
from math import ceil

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.tree import Level, Tree

MOST = 1_000
"""Captains of a tree, or supervisors of a captain: a workflow's history on the server takes about
ten events for each, and is limited to 10,240."""


class ConcurrencySplit(msgspec.Struct, frozen=True):
    """Captains at once, supervisors at once per captain, calls in flight per supervisor."""

    captains: int
    supervisors: int
    calls: int


def split(tree: Tree, concurrency: int) -> ConcurrencySplit:
    """Return the split with the fewest rounds of calls. Raises FleetError for a tree too wide."""
    captains, supervisors, workers = tree.counts()[Level.CAPTAIN], *tree.widths[2:]
    if max(captains, supervisors) > MOST:
        raise FleetError(
            f"at most {MOST:,} captains, and supervisors a captain, was "
            f"{captains:,} and {supervisors:,}.",
            where="--engine temporal",
            hint="Seat more workers under each supervisor.",
        )

    def rounds(one: ConcurrencySplit) -> tuple[int, int]:
        waves = ceil(captains / one.captains) * ceil(supervisors / one.supervisors)
        return waves * ceil(workers / one.calls), -one.captains * one.supervisors

    side_by_side = product(range(1, captains + 1), range(1, supervisors + 1))
    possible = (
        ConcurrencySplit(some, each, min(workers, concurrency // (some * each)))
        for some, each in side_by_side
        if some * each <= concurrency
    )
    return min(possible, key=rounds)
