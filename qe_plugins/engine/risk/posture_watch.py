"""Bind a session to the postures that are published for it while it runs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from qe_plugins.errors import QeError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Posture, Side
from qe_plugins.recordings.postures import of_run, tightest
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext

LOG = logging.getLogger(__name__)


class PostureWatch:
    """Puts published postures in force at the gate, and records each change.

    The posture of the run's file stays a limit. A continued session changes posture where it did
    then: `recorded` are its facts, `due` returns the next one that must come again. Not
    thread-safe: for the trading thread.
    """

    def __init__(
        self,
        context: RunContext,
        run_id: str,
        recorded: Iterable[Fact] = (),
        due: Callable[[], Fact | None] = lambda: None,
    ) -> None:
        self._context, self._due = context, due
        self._file, self._own = of_run(run_id), context.gate.posture
        self._changes = deque(fact for fact in recorded if fact.kind is FactKind.POSTURE)
        self._found: Posture | None = None
        self._complaint = ""

    def at(self, ts: int) -> None:
        """Put in force what is published at a moment (UTC ns)."""
        gate, is_due = self._context.gate, self._due() is not None
        while self._changes and (not is_due or self._changes[0].ts_event <= ts):
            gate.set_posture(posture_of(self._changes.popleft()))
        if is_due:
            return
        found = self._published(ts)
        if found == self._found:
            return
        self._found = found
        posture = tightest(one for one in (self._own, found) if one is not None)
        if posture is not None and posture != gate.posture:
            gate.set_posture(posture)
            self._context.session_recorder.posture(posture, ts)

    def _published(self, ts: int) -> Posture | None:
        """Return what is in force of the published ones; the last that expired where all have."""
        try:
            valid = self._file.unexpired(ts)
            begun = [one.posture for one in self._file.read() if one.decided <= ts]
        except QeError as error:
            what = in_words(error)
            if what != self._complaint:
                LOG.error("%s", what)
            self._complaint = what
            return Posture(reason=f"the postures are not known: {what}", halt=True, source="desk")
        self._complaint = ""
        return tightest(valid) or max(begun, key=lambda one: one.valid_until or 0, default=None)


class PostureSupervisor:
    """Binds a live session to the postures published for its run."""

    def __init__(self) -> None:
        self.run_id = ""

    def start(self, session: Any) -> None:
        """Begin; from here on postures are read at every bar, and every second."""
        watch = PostureWatch(session.context, self.run_id)
        watch.at(session.now())
        session.listeners.bars.append(lambda _bar: watch.at(session.now()))
        session.every(1.0, lambda _event: watch.at(session.now()))

    def stop(self) -> None:
        """Do nothing: the posture in force stays to the end."""


def posture_of(fact: Fact) -> Posture | None:
    """Return the posture of a fact; None where its body has only a reason: there was none then."""
    body = fact.body
    if "halt" not in body:
        return None
    return Posture(
        reason=body["reason"],
        halt=body["halt"],
        max_contracts=body.get("max_contracts"),
        valid_until=body.get("valid_until"),
        source=fact.source,
        sides=tuple(map(Side, body["sides"])) if "sides" in body else None,
        max_loss=Decimal(body["max_loss"]) if "max_loss" in body else None,
    )
