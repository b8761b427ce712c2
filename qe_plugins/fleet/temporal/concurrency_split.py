"""How the calls that may be in flight are divided among supervisors that know nothing of another.

Each has its own part and the parts together are never more than the whole, whatever process runs
them.
"""

from __future__ import annotations

from itertools import product
from math import ceil

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.fleet.tree import Level, Tree

MOST = 1_000
"""Captains of a tree, or supervisors of a captain: the history that a server keeps of a workflow
holds some ten events of each, and no more than 10,240 altogether."""


class ConcurrencySplit(msgspec.Struct, frozen=True):
    """So many captains at once, so many supervisors of each, so many calls of each of those."""

    captains: int
    supervisors: int
    calls: int


def split(tree: Tree, concurrency: int) -> ConcurrencySplit:
    """Return the division with the fewest rounds of calls. Raises FleetError for a wide tree."""
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
