"""Which moments of a run to cut its data at: some of each kind of decision, early and late."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np

from qe_plugins.research.lookahead.decisions import Decision

SAMPLED = {
    "vote",
    "signal",
    "size",
    "veto",
    "order",
    "failure",
    "OrderPendingUpdate",
    "OrderPendingCancel",
}
"""Kinds of decision; the rest is what the engine makes of them."""

QUIET = 4
"""One moment of so many is a record at which nothing was decided: perhaps only on less data."""


def sampled(
    decisions: Sequence[Decision], moments: np.ndarray, count: int, seed: int, since: int = 0
) -> list[int]:
    """Return up to `count` moments (UTC ns) in order, none before `since`; the same for a seed.

    `moments` are those at which the data has records. Each kind of decision of each component has
    its share, drawn evenly over the run: one moment from each of as many stretches.
    """
    draw = Random(seed)
    groups: dict[tuple[str, str], list[int]] = {}
    for one in decisions:
        if one.kind in SAMPLED and one.ts >= since:
            groups.setdefault((one.kind, one.source), []).append(one.ts)
    decided = {ts for every in groups.values() for ts in every}
    quiet = [ts for ts in moments[moments >= since].tolist() if ts not in decided]
    count_quiet = max(count // QUIET, count - len(decided))
    found: set[int] = set()
    shares = _shares([len(set(every)) for every in groups.values()], count - count_quiet)
    for every, share in zip(groups.values(), shares, strict=True):
        found |= set(_spread(sorted(set(every) - found), share, draw))
    found |= set(_spread(sorted(decided - found), count - count_quiet - len(found), draw))
    return sorted(found | set(_spread(quiet, count_quiet, draw)))


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Return how many to draw from groups of these sizes: one each in turn, while there are any."""
    shares = [0] * len(sizes)
    while sum(shares) < min(count, sum(sizes)):
        for n, size in enumerate(sizes):
            shares[n] += shares[n] < size and sum(shares) < count
    return shares


def _spread(every: Sequence[int], count: int, draw: Random) -> list[int]:
    """Return one of each of `count` stretches of about the same length."""
    count = min(count, len(every))
    edges = [len(every) * n // count for n in range(count + 1)] if count > 0 else []
    return [every[draw.randrange(first, last)] for first, last in pairwise(edges)]
