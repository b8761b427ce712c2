"""The session beside a desk: a process of its own, which goes on when the desk is killed.

The session holds a lock of the operating system from before it starts until it ends, whatever
happens to the desk in between: where the lock is taken, a session runs, and none is started.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from qe_plugins import state_dir
from qe_plugins.errors import FleetError
from qe_plugins.fleet.desk_settings import DeskSession
from qe_plugins.halt.status import SeenSession, read_sessions

MOST_STARTS = 3
WITHIN = 3_600.0
"""A session that ends with an error is started again so often within so many seconds."""

QE = (sys.executable, "-m", "qe_plugins.cli")


class SessionProcess:
    """The session of a desk: started by it, or found running. `name` is that of its file."""

    def __init__(
        self, settings: DeskSession, name: str, desk: str, command: Sequence[str] = QE
    ) -> None:
        self._settings, self._name, self._command = settings, name, command
        folder = state_dir.state_dir() / "desk"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file, self.log = folder / f"{desk}.session.lock", folder / f"{desk}.session.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._starts: list[float] = []
        self.seen: SeenSession | None = None
        self.began = False
        """Whether this desk has started it, found it running, or knows of its end."""

    def look(self) -> SeenSession | None:
        """Return the session as its heartbeat says, None where it has none."""
        self.seen = next(
            (one for one in reversed(read_sessions()[0]) if one.status.name == self._name), None
        )
        self.began = self.began or self.seen is not None
        return self.seen

    @property
    def lives(self) -> bool:
        """Return whether the session's process exists, also before its first heartbeat."""
        if self.seen is not None and self.seen.state != "died":
            return True
        if self._child is not None:
            return self._child.poll() is None
        return self._is_locked()

    @property
    def is_over(self) -> bool:
        """Return whether it has ended as it should: it left no heartbeat and no error."""
        return self.began and self.seen is None and not self.lives and not self._failed

    @property
    def _failed(self) -> bool:
        return self._child is not None and (self._child.poll() or 0) != 0

    def tend(self) -> bool:
        """Start the session where it has not begun, died, or failed; return whether it did.

        One that died on recorded data is continued. Raises FleetError where it ended too often.
        """
        if self.look() is not None and self.lives:
            return False
        if self.is_over or (self.began and self.lives):
            return False
        lock = _taken(self._lock_file)
        if lock is None:
            return False  # it runs, and has not written its first heartbeat
        with lock:
            self._count_start()
            with self.log.open("ab") as log:
                self._child = subprocess.Popen(
                    [*self._command, *self._words()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C at the desk's terminal is not for it
                    pass_fds=[lock.fileno()],
                )
        self.began = True
        return True

    def _words(self) -> list[str]:
        one = self._settings
        if one.mode == "live":
            return ["live", one.config, "--wait"]  # a gateway that is away is no failure of it
        words = ["paper", one.config]
        if one.replay is not None:
            words += ["--replay", one.replay, "--speed", f"{one.speed:g}"]
        if self.seen is not None and self.seen.state == "died" and one.replay is not None:
            words += ["--resume", self.seen.status.run_id]
        return words

    def _count_start(self) -> None:
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < WITHIN]
        if len(self._starts) >= MOST_STARTS:
            raise FleetError(
                f"ended {MOST_STARTS} times within an hour, so it is not started again.",
                where=f"session {self._name}",
                hint=f"Read {self.log}, mend it, and start `qe desk` again.",
            )
        self._starts.append(now)

    def _is_locked(self) -> bool:
        lock = _taken(self._lock_file)
        if lock is None:
            return True
        lock.close()
        return False


def _taken(file: Path) -> IO[bytes] | None:
    """Return the open file of a lock that is ours now, None where another process has it."""
    import fcntl

    opened = file.open("ab")
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        opened.close()
        return None
    return opened
