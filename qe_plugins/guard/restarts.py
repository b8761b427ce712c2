"""Starts a node again that died while it was watched, within a policy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from qe_plugins.config.watch import RestartSettings
from qe_plugins.halt.status import SeenSession
from qe_plugins.safe_text import in_words

HOUR = 3_600.0


class NodeRestarts:
    """The policy and its state. `log_dir` keeps the output of nodes that were started."""

    def __init__(self, settings: RestartSettings, log_dir: Path) -> None:
        self._settings, self._log_dir = settings, log_dir
        self._started: deque[float] = deque(maxlen=60)
        self._seen: set[tuple[str, int]] = set()
        self._killed: set[int] = set()
        self._child: subprocess.Popen[bytes] | None = None

    def act(self, sessions: Sequence[SeenSession], *, halted: bool) -> str | None:
        """Do what is due and return it in a line; None where there is nothing to do.

        Only a node that was running while it was watched is started again. While one that was
        started lives no other is: it may wait for its gateway, for a weekend, without a heartbeat.
        """
        for one in sessions:
            if one.state == "running":
                self._seen.add((one.status.run_id, one.status.pid))
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if not self._settings.command or any(one.state == "running" for one in sessions):
            return None
        silent = [one for one in sessions if one.state == "silent"]
        if silent:
            return self._kill(silent[0])
        died = [one for one in sessions if (one.status.run_id, one.status.pid) in self._seen]
        if not died or self._child is not None or halted:
            return None
        if len(self.recent) >= self._settings.most_an_hour:
            return None
        return self._start()

    @property
    def recent(self) -> list[float]:
        """Return when nodes were started within the last hour, by the monotonic clock."""
        return [one for one in self._started if time.monotonic() - one < HOUR]

    @property
    def exhausted(self) -> bool:
        """Return whether no further start is allowed within this hour, and none is under way."""
        is_most = len(self.recent) >= self._settings.most_an_hour
        return bool(self._settings.command) and is_most and self._child is None

    def _kill(self, one: SeenSession) -> str | None:
        """Kill a node that hangs; its stops stay at the broker."""
        pid = one.status.pid
        here = one.status.host == socket.gethostname()
        known = (one.status.run_id, pid) in self._seen and pid not in self._killed
        after = self._settings.kill_after
        if not (here and known and after and one.age > after):
            return None
        self._killed.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"killed the node that hung, process {pid}"

    def _start(self) -> str:
        self._started.append(time.monotonic())
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log = self._log_dir / f"node-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
        command = " ".join(self._settings.command)
        try:
            with log.open("ab") as output:
                self._child = subprocess.Popen(
                    self._settings.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # the node must outlive its watcher
                )
        except OSError as error:
            return f"could not start the node: {command}: {in_words(error)}"
        return f"started the node again: {command} (process {self._child.pid}, output in {log})"
