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
    """Calls `check` now and then; `error` is why the journal cannot be written, None where it can.

    A check that hangs holds up nothing but its own thread.
    """

    def __init__(
        self, check: Callable[[], None], *, every: float = EVERY, limit: float = LIMIT
    ) -> None:
        self._check, self._every, self._limit = check, every, limit
        self._failed: str | None = None
        self._since: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="qe-journal-probe", daemon=True)
        self._thread.start()

    @property
    def error(self) -> str | None:
        """Return why the last attempt failed; None where it did not."""
        since = self._since
        if since is not None and time.monotonic() - since > self._limit:
            return f"no answer within {self._limit:g} s"
        return self._failed

    def close(self) -> None:
        """End the thread, so that the database can be closed."""
        self._closing.set()
        self._thread.join(self._limit)

    def _work(self) -> None:
        while not self._closing.wait(self._every):
            self._since = time.monotonic()
            try:
                self._check()
            except Exception as error:  # whatever it is, the session must learn of it
                self._failed = in_words(error) or type(error).__name__
            else:
                self._failed = None
            self._since = None
