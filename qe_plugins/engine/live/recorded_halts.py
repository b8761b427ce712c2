"""The halt latch of a session: while a session that died catches up, the halts of its journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Self

from qe_plugins.engine.risk.gate import HALT
from qe_plugins.halt.latch import Halt, HaltLatch
from qe_plugins.journal.facts import Fact, FactKind


class RecordedHalt(Halt, frozen=True, kw_only=True):
    """A halt that was in force then; its line is what was recorded."""

    @classmethod
    def of(cls, fact: Fact) -> Self:
        """Return the halt behind the fact of a halt, or of a veto by one."""
        since = datetime.fromtimestamp(fact.ts_event / 1e9, UTC)
        return cls(reason=str(fact.body.get("reason", "")), source=fact.source, since=since)

    @property
    def line(self) -> str:
        """Return the recorded reason; that of a veto is the line of the halt then."""
        return self.reason


class RecordedLatch(HaltLatch):
    """A latch that knows when the halts among recorded facts began; a subclass reads them."""

    def __init__(self, latch: HaltLatch, recorded: Iterable[Fact]) -> None:
        super().__init__(latch.file)
        self._begins: deque[int] = deque()
        halted = False
        for fact in recorded:
            if fact.kind is FactKind.HALT and not halted:
                self._begins.append(fact.ts_event)
            if fact.kind in (FactKind.HALT, FactKind.RESUME):
                halted = fact.kind is FactKind.HALT

    def passed(self, ts: int) -> bool:
        """Return whether a halt began since the last call, up to a moment (UTC ns)."""
        before = len(self._begins)
        while self._begins and self._begins[0] <= ts:
            self._begins.popleft()
        return len(self._begins) < before


class RecordedHalts(RecordedLatch):
    """A latch that answers as it did then, for as long as facts of the journal are `due` again.

    `due` returns the next of them, None once the session is where it died: the file counts again.
    A veto was recorded as soon as the latch was read, so it says for each order what was read: a
    halt vetoes before its own fact is recorded, and its line changes with each later reason.
    """

    def __init__(
        self, latch: HaltLatch, recorded: Iterable[Fact], due: Callable[[], Fact | None]
    ) -> None:
        super().__init__(latch, recorded)
        self._due = due

    def read(self) -> Halt | None:
        """Return the halt in force, or None."""
        if (due := self._due()) is None:
            return super().read()
        return RecordedHalt.of(due) if is_halt_veto(due) else None


def is_halt_veto(fact: Fact) -> bool:
    """Return whether a fact is a veto by the halt latch."""
    return fact.kind is FactKind.VETO and fact.body.get("plugin") == HALT
