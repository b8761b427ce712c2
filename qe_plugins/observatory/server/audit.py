"""Refused requests as rows of `pipeline_journal`, without making the answer wait."""

from __future__ import annotations

import queue
import threading
import time

import msgspec

from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.journal.activity.report import record

PROCESS = "observatory"
EVERY = 10.0
"""Seconds between two rows of one kind of refusal; those between are counted in the next one."""

LONGEST = 200
"""Characters of outside text in a row."""


class RefusedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A refused request: `why`, one of the guard's words, and what was asked for."""

    why: str
    method: str
    path: str
    host: str
    origin: str


class Audit:
    """Writes refusals to the journal on a thread of its own; `flush` waits for what is waiting."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def refused(self, refusal: RefusedRequest) -> None:
        """Note a refused request. The first of its kind is a row at once, later ones a count."""
        with self._lock:
            now = time.monotonic()
            last = self._last.get(refusal.why)
            if last is not None and now - last < self._every:
                self._unwritten[refusal.why] = self._unwritten.get(refusal.why, 0) + 1
                return
            self._last[refusal.why] = now
            before = self._unwritten.pop(refusal.why, 0)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="qe-audit", daemon=True)
                self._thread.start()
        asked = f"{refusal.method} {refusal.path[:LONGEST]} of host {refusal.host[:LONGEST]!r}"
        origin = f", origin {refusal.origin[:LONGEST]!r}" if refusal.origin else ""
        more = f"; {before} like it before" if before else ""
        self._waiting.put(f"refused ({refusal.why}): {asked}{origin}{more}")

    def flush(self, seconds: float = 5.0) -> None:
        """Return when all that was noted is written, or after so many seconds."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(seconds)
            self._thread = None

    def _write(self) -> None:
        while (text := self._waiting.get()) is not None:
            record(
                PipelineEntry(
                    process=PROCESS,
                    kind=ActivityKind.REFUSED,
                    text=text,
                    severity=Severity.WARNING,
                )
            )
