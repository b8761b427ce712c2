"""How far a scan is, rank by rank, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from qe_plugins.fleet.tree import Level


class RankCounts(msgspec.Struct):
    """One rank: how many there are, are being worked on, are done, and have failed."""

    total: int
    open: int = 0
    done: int = 0
    failed: int = 0

    def eta(self, seconds: float) -> float | None:
        """Return how many seconds are left at the pace so far; None before the first is done."""
        ended = self.done + self.failed
        return seconds * (self.total - ended) / ended if ended else None


class ScanProgress:
    """Counts by rank. `clock` tells the seconds since the scan began."""

    def __init__(self, totals: Mapping[Level, int], clock: Callable[[], float]) -> None:
        self.ranks = {level: RankCounts(total) for level, total in totals.items()}
        self.clock = clock

    def eta(self) -> float | None:
        """Return how many seconds are left at least, at the pace so far: those of the last rank.

        None before the first node is done. Those above wait for it, and come on top.
        """
        left = [counts.eta(self.clock()) for counts in self.ranks.values()]
        return max((one for one in left if one is not None), default=None)

    @contextmanager
    def at_work(self, level: Level) -> Iterator[None]:
        """Count a node as worked on; one that waits in line is not."""
        self.ranks[level].open += 1
        try:
            yield
        finally:
            self.ranks[level].open -= 1

    def end(self, level: Level, *, failed: bool) -> None:
        """Note that a node is done, or has failed."""
        counts = self.ranks[level]
        if failed:
            counts.failed += 1
        else:
            counts.done += 1
