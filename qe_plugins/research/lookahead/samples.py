"""Choose the moments at which data is truncated: each kind of decision, early and late."""

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
"""Kinds of decision that are sampled; other kinds are the engine's reactions to them."""

QUIET = 4
"""One in so many moments is a record without a decision, where truncated data might have one."""


def sampled(
    decisions: Sequence[Decision], moments: np.ndarray, count: int, seed: int, since: int = 0
) -> list[int]:
    """Return up to `count` sorted moments (UTC ns), none before `since`; deterministic by seed.

    `moments` are the times of the data's records. Each kind of decision of each component has a
    share, drawn evenly over the run: one moment from each of as many intervals.
    """
    random = Random(seed)
    groups: dict[tuple[str, str], list[int]] = {}
    for one in decisions:
        if one.kind in SAMPLED and one.ts >= since:
            groups.setdefault((one.kind, one.source), []).append(one.ts)
    decided = {ts for every in groups.values() for ts in every}
    quiet = [ts for ts in moments[moments >= since].tolist() if ts not in decided]
    count_quiet = max(count // QUIET, count - len(decided))
    found: set[int] = set()
    shares = _shares_of_groups([len(set(every)) for every in groups.values()], count - count_quiet)
    for every, share in zip(groups.values(), shares, strict=True):
        found |= set(_draw_evenly(sorted(set(every) - found), share, random))
    found |= set(_draw_evenly(sorted(decided - found), count - count_quiet - len(found), random))
    return sorted(found | set(_draw_evenly(quiet, count_quiet, random)))


def _shares_of_groups(sizes: Sequence[int], count: int) -> list[int]:
    """Return how many to draw from groups of these sizes, by round robin."""
    shares = [0] * len(sizes)
    while sum(shares) < min(count, sum(sizes)):
        for n, size in enumerate(sizes):
            shares[n] += shares[n] < size and sum(shares) < count
    return shares


def _draw_evenly(every: Sequence[int], count: int, random: Random) -> list[int]:
    """Return one element from each of `count` intervals of about equal length."""
    count = min(count, len(every))
    edges = [len(every) * n // count for n in range(count + 1)] if count > 0 else []
    return [every[random.randrange(first, last)] for first, last in pairwise(edges)]
