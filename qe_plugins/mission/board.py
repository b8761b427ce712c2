"""The board of MissionControl as it is now: the journal's rows, and what the desk asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from qe_plugins.journal.activity.records import MissionRow, MissionState
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.mission import rules
from qe_plugins.mission.rules import DeskItem

type Change = Callable[[Sequence[MissionRow]], list[MissionRow]]
"""A rule with its arguments: the rows that follow from the present ones."""


class MissionBoard(msgspec.Struct, frozen=True, kw_only=True):
    """One thing now, at most three next, and what is folded away. `rows` are all of them."""

    rows: list[MissionRow]

    @property
    def now(self) -> MissionRow | None:
        """Return the thing to do now."""
        return next(iter(self._of(MissionState.NOW)), None)

    @property
    def next(self) -> list[MissionRow]:
        """Return what comes next, the oldest first."""
        return self._of(MissionState.NEXT)

    @property
    def parked(self) -> list[MissionRow]:
        """Return what is folded away, the newest first."""
        return self._of(MissionState.PARKED)[::-1]

    @property
    def done(self) -> list[MissionRow]:
        """Return what a person finished and is still known, the newest first."""
        return self._of(MissionState.DONE)[::-1]

    def _of(self, state: MissionState) -> list[MissionRow]:
        return [row for row in self.rows if row.state is state]


def board(journal: ActivityJournal | None, holding: Sequence[DeskItem], at_ns: int) -> MissionBoard:
    """Return the board at a moment (UTC nanoseconds). Nothing is written."""
    rows = journal.mission() if journal is not None else []
    return MissionBoard(rows=rules.after(rows, rules.follow(rows, holding, at_ns)))


def change(
    journal: ActivityJournal, holding: Sequence[DeskItem], at_ns: int, rule: Change | None = None
) -> MissionBoard:
    """Write what follows from the desk and the day, then what a person did, and return the board.

    Raises QeError where the person's item is gone.
    """

    def decide(rows: list[MissionRow]) -> list[MissionRow]:
        followed = rules.follow(rows, holding, at_ns)
        acted = rule(rules.after(rows, followed)) if rule is not None else []
        return [*followed, *acted]

    return MissionBoard(rows=journal.change_mission(decide))
