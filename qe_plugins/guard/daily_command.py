"""A command of `qe` once a day, as a child process: the watcher goes on looking meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qe_plugins.halt.latch import write_atomically
from qe_plugins.safe_text import in_words


class CommandEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: its exit code, None where it did not start, and its last line."""

    code: int | None
    last: str


class DailyCommand:
    """Runs a command at most once a day, also across restarts: `file` remembers the day.

    `words` follow `qe`; a `program` stands in for it. What runs for `longest` seconds is ended.
    """

    def __init__(self, file: Path, longest: float, program: Sequence[str] = ()) -> None:
        self._file, self._longest = file, longest
        self._program = [*program] or [sys.executable, "-m", "qe_plugins.cli"]
        self._child: subprocess.Popen[str] | None = None
        self._began = 0.0

    @property
    def is_running(self) -> bool:
        """Return whether the command runs now."""
        return self._child is not None

    def was_run_on(self, day: str) -> bool:
        """Return whether the command was started on a day, `2026-11-30`."""
        try:
            return self._file.read_text(encoding="utf-8") == day
        except OSError:
            return False

    def begin(self, day: str, words: Sequence[str]) -> CommandEnd | None:
        """Start it for a day; return its end where it cannot be started."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, day.encode())
        try:
            self._child = subprocess.Popen(
                [*self._program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            return CommandEnd(code=None, last=in_words(error))
        self._began = time.monotonic()
        return None

    def ended(self) -> CommandEnd | None:
        """Return how the command ended, once, or None while it runs or where none was started."""
        child = self._child
        if child is None:
            return None
        if child.poll() is None:
            if time.monotonic() - self._began < self._longest:
                return None
            child.kill()
        said = (child.communicate()[0] or "").strip().splitlines()
        self._child = None
        return CommandEnd(
            code=child.returncode, last=said[-1].strip() if said else "it said nothing"
        )
