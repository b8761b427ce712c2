"""`qe report day --send` of each day in the morning, as a child process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

import msgspec

from qe_plugins.guard.daily_command import DailyCommand
from qe_plugins.market.exchange_zone import CHICAGO

WITHIN = timedelta(hours=5)
"""How long after its time a page is still sent, where no watcher ran before."""

LONGEST = 600.0
"""Seconds after which the command is ended."""


class MorningPageEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How the page of a day went out: `line` says it in one line."""

    is_sent: bool
    line: str


class MorningPage:
    """Sends the page of the session day once a day, from `at` on, a time in Chicago, `07:00`.

    It goes by the `alarms:` of the file `config`, the bytes that the command sends. `folder`
    remembers the day, so that nothing is sent twice. `program` stands in for `qe`.
    """

    def __init__(self, folder: Path, config: Path, at: str, program: Sequence[str] = ()) -> None:
        self._daily = DailyCommand(folder / f"{config.stem}.report.day", LONGEST, program)
        self._config, self._at = config, time.fromisoformat(at)

    def act(self, at: datetime) -> MorningPageEnd | None:
        """Send the page where it is due at a moment; return how it went once that is known."""
        if self._daily.is_running:
            end = self._daily.ended()
        else:
            here = at.astimezone(CHICAGO)
            day, due = f"{here:%Y-%m-%d}", datetime.combine(here.date(), self._at, CHICAGO)
            if not due <= here < due + WITHIN or self._daily.was_run_on(day):
                return None
            end = self._daily.begin(day, ["report", "day", "--send", str(self._config)])
        if end is None:
            return None
        if end.code == 0:
            return MorningPageEnd(is_sent=True, line="the morning page was sent")
        return MorningPageEnd(is_sent=False, line=f"the morning page was not sent: {end.last}")
