"""The journal as a running session reads its ladder from it: what is closed is read once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind, RunRow
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.outcomes import LIVE, PAPER, PARITY, RESUMED
from qe_plugins.ladder.state import MODE

READ_MODES = (LIVE, PAPER, PARITY, MODE)


class LadderJournal(Journal):
    """A journal that keeps what ladders read of closed runs, which do not change any more.

    Only runs closed since the last read, and open ones, are read from the database. Votes are not
    kept: they are many, and `records_of` keeps what it found of them. Not thread-safe.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._closed: list[RunRow] = []
        self._first: dict[str, Fact] = {}
        self._looked_at = 0
        self._kept: dict[tuple[str, frozenset[FactKind]], list[Fact]] = {}

    def runs(self, after: int = 0) -> list[RunRow]:
        """Return the closed runs as `Journal.runs` does."""
        self._closed += super().runs(len(self._closed))
        return self._closed[after:]

    def first_facts(self, after: int = 0) -> dict[str, Fact]:
        """Return first facts as `Journal.first_facts` does, of the runs that a ladder reads."""
        closed = self.runs()
        found = super().first_facts(self._looked_at)
        found = {run_id: first for run_id, first in found.items() if _is_read(first)}
        for row in closed[self._looked_at :]:
            if row.run_id in found:
                self._first[row.run_id] = found.pop(row.run_id)
        self._looked_at = len(closed)
        left_out = {row.run_id for row in closed[:after]}
        return {one: fact for one, fact in (self._first | found).items() if one not in left_out}

    def facts(self, run_id: str, kinds: Collection[FactKind] | None = None) -> list[Fact]:
        """Return a run's facts as `Journal.facts` does."""
        if kinds is None or FactKind.VOTE in kinds or run_id not in self._first:
            return super().facts(run_id, kinds)
        key = run_id, frozenset(kinds)
        if key not in self._kept:
            self._kept[key] = super().facts(run_id, kinds)
        return list(self._kept[key])


def _is_read(first: Fact) -> bool:
    """Return whether a ladder reads a run, by its first fact: sessions, checks, transitions, ..."""
    return first.body.get("mode") in READ_MODES or first.body.get("name") == RESUMED
