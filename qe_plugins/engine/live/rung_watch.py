"""Bind a session to the rung of its ladder, also when that changes while the session runs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.risk.gate import LADDER
from qe_plugins.errors import QeError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Rung
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins.types import OrderRequest

LOG = logging.getLogger(__name__)


class RungInForce(msgspec.Struct, frozen=True):
    """The rung that a ladder allows, and why it is that."""

    rung: Rung
    reason: str


class RungSource(Protocol):
    """The ladder of a session's strategy."""

    about: dict[str, Any]
    """What the session records of it: name, version, the ladder's file and its hash."""

    def in_force(self, *, fresh: bool) -> RungInForce:
        """Return the rung in force; `fresh` reads it now, not from a moment ago. Raises QeError."""

    def note(self, run_id: str, fact: Fact) -> None:
        """Note a fact of the session that the journal may not have yet."""


class RungWatch:
    """Records the rung of a session, refuses orders of another, and executes its changes.

    A change cancels entries and leaves brackets, and later orders are checked by the new rung. A
    continued session changes rung where it did then: `recorded` are its facts, `due` returns the
    next one that must come again. Not thread-safe: for the trading thread.
    """

    def __init__(
        self,
        context: RunContext,
        source: RungSource,
        run_id: str,
        recorded: Iterable[Fact] = (),
        due: Callable[[], Fact | None] = lambda: None,
    ) -> None:
        self._context, self._source, self._run_id, self._due = context, source, run_id, due
        rungs = [fact for fact in recorded if fact.kind is FactKind.RUNG]
        self._begun = bool(rungs)
        self._changes = deque(rungs[1:])
        self._complaint = ""
        context.gate.rung_refusal = self.refusal

    def begin(self, ts: int, before: Rung | None = None) -> None:
        """Record the rung that the session begins on, at the market's time (UTC ns).

        `before` is the rung of a run that is taken up: entries that still work on another one are
        cancelled.
        """
        rung = self._context.rung
        if self._begun or before == rung:
            return
        cancelled = [] if before is None else cancel_entries(self._context)
        self._record(ts, before, rung, f"{rung.title} binds the session", cancelled)

    def refusal(self, request: OrderRequest) -> str:
        """Return why an order may not add risk: the rung has just changed, or is not known."""
        if (due := self._due()) is not None:
            mine = due.kind is FactKind.VETO and due.body.get("plugin") == LADDER
            return str(due.body["reason"]) if mine else ""
        try:
            found = self._source.in_force(fresh=True)
        except QeError as error:
            return f"the rung is not known: {in_words(error)}"
        if found.rung == self._context.rung:
            return ""
        return f"{found.rung.title} is in force from now on: {found.reason}"

    def at(self, ts: int) -> None:
        """Execute a change of the rung, after a moment of the data (UTC ns)."""
        if self._due() is not None:
            while self._changes and self._changes[0].ts_event <= ts:
                apply_rung(self._context, self._changes.popleft())
            return
        while self._changes:
            apply_rung(self._context, self._changes.popleft())
        try:
            found = self._source.in_force(fresh=False)
        except QeError as error:  # every order is refused meanwhile
            if (what := in_words(error)) != self._complaint:
                LOG.error("the rung is not known: %s", what)
            self._complaint = what
            return
        self._complaint = ""
        before = self._context.rung
        if found.rung != before:
            LOG.warning("%s -> %s: %s", before.title, found.rung.title, found.reason)
            self._context.set_rung(found.rung)
            cancelled = cancel_entries(self._context)
            self._record(ts, before, found.rung, found.reason, cancelled)
            self._context.observers.notify(
                "rung_changed", ts, before=before, after=found.rung, reason=found.reason
            )

    def on_fact(self, fact: Fact) -> None:
        """Note a fact of the session."""
        self._source.note(self._run_id, fact)

    def _record(
        self, ts: int, before: Rung | None, after: Rung, reason: str, cancelled: Iterable[str] = ()
    ) -> None:
        body = {
            "before": None if before is None else rung_body(before),
            "after": rung_body(after),
            "reason": reason,
            "cancelled": list(cancelled),
            **self._source.about,
        }
        self._context.session_recorder.numbered(FactKind.RUNG, ts, LADDER, None, body)


def apply_rung(context: RunContext, fact: Fact) -> None:
    """Change the rung of a run as a recorded fact says: cancel entries, leave brackets."""
    if fact.body["before"] is not None:
        context.set_rung(rung_of(fact))
        cancel_entries(context)


def rung_body(rung: Rung) -> dict[str, Any]:
    """Return a rung as the body of a fact has it."""
    return {
        "name": rung.name,
        "root": rung.root,
        "risk": str(rung.risk),
        "currency": rung.currency,
        "max_contracts": rung.max_contracts,
    }


def rung_of(fact: Fact) -> Rung:
    """Return the rung after the change of a fact."""
    return msgspec.convert(fact.body["after"], Rung)
