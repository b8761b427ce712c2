"""The halt latch of a session: while a session that died catches up, the halts of its journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from qe_plugins.halt.latch import Halt, HaltLatch
from qe_plugins.journal.facts import Fact, FactKind

GATE = "halt"
"""The plugin that vetoes of the latch name."""


class RecordedHalt(Halt, frozen=True, kw_only=True):
    """A halt that was in force then; `text` is how its vetoes said it."""

    text: str = ""

    @property
    def line(self) -> str:
        """Return it as its vetoes said it."""
        return self.text


class RecordedHalts(HaltLatch):
    """A latch that answers as it did then, for as long as `catching_up` returns true.

    The file counts again from the moment at which the session died.
    """

    def __init__(
        self, latch: HaltLatch, recorded: Sequence[Fact], catching_up: Callable[[], bool]
    ) -> None:
        super().__init__(latch.file)
        self._catching_up = catching_up
        self._due = deque(one for one in recorded if one.kind in (FactKind.HALT, FactKind.RESUME))
        self._vetoes = [
            one for one in recorded if one.kind is FactKind.VETO and one.body.get("plugin") == GATE
        ]
        self._then: RecordedHalt | None = None

    def read(self) -> Halt | None:
        """Return the halt in force, or None."""
        return self._then if self._catching_up() else super().read()

    def passed(self, ts: int) -> bool:
        """Take the recorded halts up to a moment (UTC ns); return whether one began."""
        began = False
        while self._due and self._due[0].ts_event <= ts:
            fact = self._due.popleft()
            if fact.kind is FactKind.RESUME:
                self._then = None
            elif self._then is None:
                self._then, began = self._of(fact), True
        return began

    def _of(self, fact: Fact) -> RecordedHalt:
        said = [one.body["reason"] for one in self._vetoes if one.ts_event >= fact.ts_event]
        return RecordedHalt(
            reason=str(fact.body.get("reason", "")),
            source=fact.source,
            since=datetime.fromtimestamp(fact.ts_event / 1e9, UTC),
            text=str(said[0]) if said else str(fact.body.get("reason", "")),
        )
