"""The journal of a session: its open run, and how one that died is continued.

A replayed session is continued by running it again on the same data at full speed up to where it
died: the facts that come again must be those of the journal, and only later ones are appended. So
book, working orders, indicators and plugins are what they were, and no order is sent twice.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from qe_plugins.engine.recording.reached import ReachedRun
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact, FactKind, OpenRun, RunState
from qe_plugins.journal.lookup import resolve_run
from qe_plugins.journal.store import Journal

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.halt.status import Mode

ASYNCHRONOUS = frozenset(
    {
        FactKind.REVIEW,
        FactKind.PROPOSAL,
        FactKind.FAILURE,
        FactKind.HALT,
        FactKind.RESUME,
        FactKind.RUNG,
        FactKind.POSTURE,
    }
)
"""Kinds whose place among the other facts is not the same in every run."""

MICROSECOND = 1_000


class SessionJournal:
    """An open run of the journal, as a sink of facts. `reached` is the time of its last fact.

    A continued run's facts are compared first, by id, kind, time to the microsecond, and body.
    """

    def __init__(self, journal: Journal, run: OpenRun, recorded: Sequence[Fact]) -> None:
        self._journal, self.run_id, self.started = journal, run.run_id, run.started
        self.recorded = list(recorded)
        self._due = deque(one for one in recorded if one.kind not in ASYNCHRONOUS)
        self._known = {one.id for one in recorded}
        self.reached = max((one.ts_event for one in self._due), default=0)

    @classmethod
    def begin(cls, run_id: str, name: str, started: datetime) -> Self:
        """Begin a run."""
        journal = Journal.open()
        return cls(journal, journal.open_run(run_id, name, started), ())

    @classmethod
    def continued(cls, run: OpenRun, loaded: Loaded) -> Self:
        """Continue a run that died. Raises JournalError for one of another configuration."""
        journal = Journal.open()
        facts = journal.facts(run.run_id)
        if facts and facts[0].body.get("config_sha256") != config_sha256(loaded):
            journal.close()
            raise JournalError(
                "the run has another configuration or other data.",
                where=f"run {run.run_id}",
                hint="Continue it with the file and the settings that it was started with.",
            )
        return cls(journal, journal.open_run(run.run_id, run.name, run.started), facts)

    @classmethod
    def taken_up(cls, run: OpenRun) -> tuple[Self, ReachedRun]:
        """Take up the run of a live session that died; return what it had reached, too.

        Nothing comes again: what happened meanwhile is what the broker says.
        """
        journal = Journal.open()
        facts = journal.facts(run.run_id)
        opened = journal.open_run(run.run_id, run.name, run.started)
        return cls(journal, opened, ()), ReachedRun.of(facts)

    @property
    def catching_up(self) -> bool:
        """Return whether facts of the journal have not come again yet."""
        return bool(self._due)

    @property
    def due(self) -> Fact | None:
        """Return the next fact of the journal that must come again; None once all have."""
        return self._due[0] if self._due else None

    def counts(self) -> dict[FactKind, int]:
        """Return the numbers reached by facts that do not come again."""
        kinds = (FactKind.HALT, FactKind.RESUME, FactKind.RUNG, FactKind.POSTURE)
        return {kind: sum(one.kind is kind for one in self.recorded) for kind in kinds}

    def compare(self, fact: Fact) -> None:
        """Take a fact of the session as it happens. Raises JournalError where it differs.

        Call on the trading thread: what is sent next depends on whether the session catches up.
        """
        if not self._due or fact.kind in ASYNCHRONOUS:
            return
        expected = self._due.popleft()
        if _comparable(expected) != _comparable(fact):
            self._due.appendleft(expected)
            raise JournalError(
                f"{fact.id} is not what the session recorded, {expected.id}.",
                where=f"run {self.run_id}",
                hint="Strategies, plugins or data have changed: start a new session.",
            )

    def append(self, run_id: str, facts: Sequence[Fact], *, durable: bool = True) -> None:
        """Append the facts that the run does not have."""
        new = [fact for fact in facts if fact.id not in self._known]
        if new:
            self._journal.append(run_id, new, durable=durable)

    def check_writable(self) -> None:
        """Raise JournalError where nothing can be written. May be called on any thread."""
        self._journal.check_writable()

    def facts(self) -> list[Fact]:
        """Return the facts of the run in their order."""
        return self._journal.facts(self.run_id)

    def close_run(self) -> str:
        """Close the run into the chain of runs; return its content hash."""
        return self._journal.close_run(self.run_id)

    def finish(self) -> str:
        """Close the run and the database; return the run's content hash."""
        content = self.close_run()
        self.close()
        return content

    def close(self) -> None:
        """Close the database. A run that is not closed can be continued."""
        self._journal.close()


def died_run(loaded: Loaded, mode: Mode = "paper") -> OpenRun | None:
    """Return the last session of a configuration that died, None without one."""
    wanted = config_sha256(loaded)
    if not Journal.exists():
        return None
    with Journal.open() as journal:
        for run in reversed(journal.open_runs()):
            if run.state is not RunState.DIED:
                continue
            first = journal.facts(run.run_id, [FactKind.RUN])
            if not first or first[0].body.get("mode") != mode:
                continue
            if first[0].body.get("config_sha256") == wanted:
                return run
    return None


def orders_left(account: str) -> dict[str, Fact]:
    """Return the intents of the orders that an account's last session left working as it rolled.

    They are by client order id: those of a position that it had rolled into the next contract.
    """
    if not Journal.exists():
        return {}
    with Journal.open() as journal:
        for run in reversed(journal.runs()):
            first = journal.facts(run.run_id, [FactKind.RUN])
            if first and first[0].body.get("account") == account:
                facts = journal.facts(run.run_id)
                rolled = any(fact.kind is FactKind.ROLL for fact in facts)
                return ReachedRun.of(facts).open_orders if rolled else {}
    return {}


def open_run(text: str) -> OpenRun:
    """Return the open run that `text` names, as `journal.lookup.resolve_run` reads it.

    Raises JournalError.
    """
    with Journal.open() as journal:
        runs = journal.open_runs()
    found = {run.run_id: run for run in runs}
    newest = {run.run_id: run.name for run in reversed(runs)}
    return found[resolve_run(text, list(found), lambda: newest, what="open run")]


def config_sha256(loaded: Loaded) -> str:
    """Return the SHA-256 (hex) of a resolved configuration.

    A rung that comes from a ladder is left out: it may change while the session is dead.
    """
    resolved = dict(loaded.resolved)
    if loaded.config.ladder is not None:
        resolved.pop("rung", None)
    return hashlib.sha256(msgspec.json.encode(resolved, order="sorted")).hexdigest()


def _comparable(fact: Fact) -> tuple[Any, ...]:
    return (fact.id, fact.kind, fact.ts_event // MICROSECOND, fact.source, fact.cause, fact.body)
