"""Start `node_program.py` against a simulated TWS, give it commands, wait for its events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = Path(__file__).parent / "node_program.py"
PATIENCE = 20.0

Event = dict[str, Any]


class DrivenNode:
    """A `LiveNode` in a process of its own."""

    def __init__(self, port: int, **spec: object) -> None:
        self.events: list[Event] = []
        self._arrived = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps({"port": port, **spec})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill() if kind else self.stop()

    def do(self, command: str, **arguments: object) -> None:
        """Give the strategy a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()

    def wait(
        self,
        kind: str,
        seconds: float = PATIENCE,
        *,
        where: Callable[[Event], bool] = lambda event: True,
        **fields: object,
    ) -> Event:
        """Return the first event of this kind with these fields, which may have been already."""
        end = time.monotonic() + seconds
        with self._arrived:
            while True:
                for event in self.events:
                    known = all(event.get(name) == value for name, value in fields.items())
                    if event["event"] == kind and known and where(event):
                        return event
                left = end - time.monotonic()
                if left <= 0 or (self._process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"no {kind} {fields} within {seconds} s: {self.lines()}")
                self._arrived.wait(min(left, 0.5))

    def all(self, kind: str, **fields: object) -> list[Event]:
        """Return the events of this kind with these fields."""
        return [
            one
            for one in list(self.events)
            if one["event"] == kind and all(one.get(k) == v for k, v in fields.items())
        ]

    def snapshot(self) -> Event:
        """Return what the node's cache says now."""
        mark = f"{time.monotonic()}"
        self.do("snapshot", mark=mark)
        return self.wait("snapshot", mark=mark)

    def settle(self, condition: Callable[[Event], bool], seconds: float = PATIENCE) -> Event:
        """Return the first snapshot for which `condition` holds."""
        end = time.monotonic() + seconds
        while True:
            now = self.snapshot()
            if condition(now):
                return now
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {now}: {self.lines()}")
            time.sleep(0.05)

    def statuses(self) -> dict[str, str]:
        """Return the status of each order by its role."""
        return {one["role"]: one["status"] for one in self.snapshot()["orders"]}

    def stop(self) -> None:
        """Stop the node as its owner does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def hang(self) -> None:
        """Stop the process from running, its sockets open."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let a hung process run again."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def lines(self) -> str:
        """Return the events in short, for a failed assertion."""
        shown = [
            {k: v for k, v in event.items() if v not in ("", False)}
            for event in self.events
            if event["event"] not in ("bar", "snapshot")
        ]
        return "\n".join(json.dumps(one) for one in shown[-30:])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                with self._arrived:
                    self.events.append(json.loads(line))
                    self._arrived.notify_all()
            elif self._process.poll() is None:
                sys.stderr.write(line)
        with self._arrived:
            self._arrived.notify_all()
