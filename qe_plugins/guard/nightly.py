"""`qe parity` of each day in the maintenance break, as a child process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from qe_plugins.guard.daily_command import CommandEnd, DailyCommand
from qe_plugins.halt.status import SeenSession
from qe_plugins.market.exchange_zone import CHICAGO

BREAK = range(16, 17)
"""Hours in Chicago of the maintenance break: 16:00 to 17:00."""

LONGEST = 2_400.0
"""Seconds after which a check is ended: the market opens again."""

CLEAN, RED = 0, 1


class ParityResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a check ended: `line` says it in one line."""

    run_id: str
    is_clean: bool
    line: str


class NightlyParity:
    """Runs one check a day, after the session has closed. `folder` remembers the day."""

    def __init__(self, folder: Path, program: Sequence[str] = ()) -> None:
        self._daily = DailyCommand(folder / "parity.day", LONGEST, program)
        self._run_id = ""

    def act(
        self, at: datetime, sessions: Sequence[SeenSession], *, is_open: bool
    ) -> ParityResult | None:
        """Start the check where it is due; return its result once it has ended."""
        if self._daily.is_running:
            end = self._daily.ended()
        else:
            here = at.astimezone(CHICAGO)
            day = f"{here:%Y-%m-%d}"
            due = not is_open and here.hour in BREAK and sessions
            if not due or self._daily.was_run_on(day):
                return None
            self._run_id = sessions[-1].status.run_id
            end = self._daily.begin(day, ["parity", self._run_id])
        return None if end is None else self._result(end)

    def _result(self, end: CommandEnd) -> ParityResult:
        said = end.last
        if end.code is not None and end.code not in (CLEAN, RED):
            said = f"the check failed with exit code {end.code}: {said}"
        line = f"parity of {self._run_id}: {said}"
        return ParityResult(run_id=self._run_id, is_clean=end.code == CLEAN, line=line)
