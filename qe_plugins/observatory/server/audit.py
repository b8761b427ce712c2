"""Refused requests and actions, as facts of the journal, without making the answer wait."""

from __future__ import annotations

import logging
import queue
import threading
import time

import msgspec

from qe_plugins.safe_text import writable

LOG = logging.getLogger(__name__)
EVERY = 10.0
"""Seconds between two facts of one kind of refusal; those between are counted in the next one."""

LONGEST = 200
"""Characters of outside text in a fact."""


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
        self._waiting: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()
        self._last: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def refused(self, refusal: RefusedRequest) -> None:
        """Note a refused request. The first of its kind is a fact at once, later ones a count."""
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
        asked = msgspec.structs.asdict(refusal)
        body: dict[str, object] = {name: writable(text)[:LONGEST] for name, text in asked.items()}
        self._waiting.put(body | {"more_before": before} if before else body)

    def flush(self, seconds: float = 5.0) -> None:
        """Return when all that was noted is written, or after so many seconds."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(seconds)
            self._thread = None

    def _write(self) -> None:
        while (body := self._waiting.get()) is not None:
            LOG.warning("refused: %s", body)
