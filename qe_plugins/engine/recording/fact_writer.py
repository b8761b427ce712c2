"""Append facts to the journal of an open run on a thread of its own.

The trading thread waits for that thread only where a fact must be on disk before an order leaves,
and never longer than a limit: a journal that hangs may not hold up an exit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from qe_plugins.journal.facts import Fact
from qe_plugins.safe_text import in_words

log = logging.getLogger(__name__)


class FactSink(Protocol):
    """What a session needs of the journal."""

    def append(self, run_id: str, facts: Sequence[Fact], *, durable: bool = True) -> None:
        """Append facts to an open run in one transaction; `durable` ones are synced to disk."""


class FactWriter:
    """Keeps facts until the journal has them, in their order.

    After a failure nothing is dropped: the facts are appended again, before the next ones. `limit`
    is how long `commit` waits, in seconds.
    """

    def __init__(self, sink: FactSink, run_id: str, *, limit: float = 2.0) -> None:
        self._sink, self._run_id, self._limit = sink, run_id, limit
        self._waiting: list[Fact] = []
        self._given = self._written = self._synced = self._wanted = 0
        self._attempts = 0
        self._asked = self._busy = self._closing = False
        self._error = self._failure = ""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="qe-journal", daemon=True)

    @property
    def error(self) -> str:
        """Return why the last attempt failed, empty where it succeeded."""
        return self._error

    @property
    def waiting(self) -> int:
        """Return the number of facts that the journal does not have yet."""
        return self._given - self._written

    def take_failure(self) -> str:
        """Return why an attempt since the last call failed, though later ones may have succeeded.

        Empty where none failed and the last one succeeded.
        """
        with self._changed:
            failure, self._failure = self._error or self._failure, ""
        return failure

    def write(self, facts: Sequence[Fact]) -> None:
        """Have facts appended soon, and those that an attempt left, without waiting for it."""
        with self._changed:
            self._take(facts)
            if self.waiting:
                self._ask()

    def commit(self, facts: Sequence[Fact]) -> str:
        """Have facts synced to disk; return why they are not, empty where they are."""
        with self._changed:
            self._take(facts)
            target = self._wanted = self._given
            if self._synced >= target:
                return ""
            attempts = self._attempts + self._busy  # one that is under way lacks these facts
            self._ask()
            answered = self._changed.wait_for(
                lambda: self._synced >= target or self._attempts > attempts, self._limit
            )
            if self._synced >= target:
                return ""
            if not answered:
                self._error = self._failure = f"the facts were not on disk within {self._limit:g} s"
            return self._error

    def close(self) -> str:
        """Append what is left and end the thread; return why that failed, empty if it did not."""
        error = self.commit(()) if self.waiting else ""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(self._limit)
        return error

    def _take(self, facts: Sequence[Fact]) -> None:
        self._waiting.extend(facts)
        self._given += len(facts)

    def _ask(self) -> None:
        self._asked = True
        if self._thread.ident is None:
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._closing)
                if not self._asked:
                    return
                self._asked, self._busy = False, True
                durable = self._wanted > self._synced
                facts, self._waiting = self._waiting, []
            error = self._append(facts, durable)
            with self._changed:
                self._attempts, self._error, self._busy = self._attempts + 1, error, False
                if error:
                    self._failure = error
                    self._waiting[:0] = facts
                else:
                    self._written += len(facts)
                    self._synced = self._written if durable else self._synced
                self._changed.notify_all()

    def _append(self, facts: Sequence[Fact], durable: bool) -> str:
        """Append facts; return why that failed. A durable append syncs those before it, too."""
        try:
            self._sink.append(self._run_id, facts, durable=durable)
        except BaseException as error:  # whatever it is, the trading thread must learn of it
            log.error("the journal cannot be written: %s", in_words(error))
            return in_words(error) or type(error).__name__
        return ""
