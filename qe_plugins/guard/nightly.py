"""`qe parity` of each day in the maintenance break, as a child process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from qe_plugins.halt.latch import write_atomically
from qe_plugins.halt.status import SeenSession
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.safe_text import in_words

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

    def __init__(self, folder: Path, command: Sequence[str] = ()) -> None:
        self._file = folder / "parity.day"
        self._command = [*command] or [sys.executable, "-m", "qe_plugins.cli", "parity"]
        self._child: subprocess.Popen[str] | None = None
        self._run_id, self._began = "", 0.0

    def act(
        self, at: datetime, sessions: Sequence[SeenSession], *, is_open: bool
    ) -> ParityResult | None:
        """Start the check where it is due; return its result once it has ended."""
        if self._child is not None:
            return self._ended(self._child)
        here = at.astimezone(CHICAGO)
        if is_open or here.hour not in BREAK or not sessions or self._day == f"{here:%Y-%m-%d}":
            return None
        self._run_id = sessions[-1].status.run_id
        self._keep(f"{here:%Y-%m-%d}")
        try:
            self._child = subprocess.Popen(
                [*self._command, self._run_id],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            return self._result(False, in_words(error))
        self._began = time.monotonic()
        return None

    def _ended(self, child: subprocess.Popen[str]) -> ParityResult | None:
        if child.poll() is None:
            if time.monotonic() - self._began < LONGEST:
                return None
            child.kill()
        said = (child.communicate()[0] or "").strip().splitlines()
        self._child = None
        last = said[-1].strip() if said else "it said nothing"
        if child.returncode not in (CLEAN, RED):
            last = f"the check failed with exit code {child.returncode}: {last}"
        return self._result(child.returncode == CLEAN, last)

    def _result(self, is_clean: bool, said: str) -> ParityResult:
        line = f"parity of {self._run_id}: {said}"
        return ParityResult(run_id=self._run_id, is_clean=is_clean, line=line)

    @property
    def _day(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8")
        except OSError:
            return ""

    def _keep(self, day: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, day.encode())
