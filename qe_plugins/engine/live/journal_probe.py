"""Try on a thread of its own whether the journal can be written, also while nothing happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from qe_plugins.safe_text import in_words

EVERY = 10.0
"""Seconds between two attempts."""

LIMIT = 10.0
"""Seconds after which an attempt without an answer counts as one that failed."""


class JournalProbe:
    """Calls `check` now and then, and keeps why the journal could not be written.

    A check that hangs holds up nothing but its own thread.
    """

    def __init__(
        self, check: Callable[[], None], *, every: float = EVERY, limit: float = LIMIT
    ) -> None:
        self._check, self._every, self._limit = check, every, limit
        self._last: str | None = None
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._since: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="qe-journal-probe", daemon=True)
        self._thread.start()

    def take_failure(self) -> str | None:
        """Return why an attempt since the last call failed, though later ones may have succeeded.

        None where none failed, the last one succeeded, and none is overdue.
        """
        with self._lock:
            failure, self._failure = self._last or self._failure, None
            since = self._since
        return self._overdue(since) or failure

    def _overdue(self, since: float | None) -> str | None:
        is_late = since is not None and time.monotonic() - since > self._limit
        return f"no answer within {self._limit:g} s" if is_late else None

    def close(self) -> None:
        """End the thread, so that the database can be closed."""
        self._closing.set()
        self._thread.join(self._limit)

    def _work(self) -> None:
        while not self._closing.wait(self._every):
            since = self._since = time.monotonic()
            error = self._attempt()
            with self._lock:
                self._since, self._last = None, error
                self._failure = error or self._overdue(since) or self._failure

    def _attempt(self) -> str | None:
        try:
            self._check()
        except Exception as error:  # whatever it is, the session must learn of it
            return in_words(error) or type(error).__name__
        return None
