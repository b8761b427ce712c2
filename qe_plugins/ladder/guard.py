"""The guard of a strategy's rung: what binds a paper or live session to its ladder.

A session takes its rung when it begins. While it runs, the guard reads the journal's head at every
moment and every order, so that a demotion by a person, by a parity check or by its own trades binds
at once. A rung up waits for the next session.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.config.loader import Loaded, load
from qe_plugins.config.yaml_reader import display
from qe_plugins.engine.live.rung_watch import RungInForce, RungWatch, rung_of
from qe_plugins.errors import LadderError
from qe_plugins.journal.facts import Fact, FactKind, OpenRun
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.demotions import settle
from qe_plugins.ladder.ladder_journal import LadderJournal
from qe_plugins.ladder.on_ladder import OnLadder, ladder_of
from qe_plugins.ladder.outcomes import LIVE, is_evidence
from qe_plugins.ladder.rungs import BACKTEST, Ladder
from qe_plugins.ladder.versions import version_of
from qe_plugins.plugins.types import Rung

EVERY = 0.25
"""Seconds between two reads of the journal's head, unless an order is checked."""

LOOK = 60.0
"""Seconds after which causes that come with time are looked for, though no fact is new."""

NOTED = (FactKind.TRADE, FactKind.HALT, FactKind.RESUME, FactKind.FILL)


class RungGuard:
    """The rung of one session, from the ladder's state. Holds a lock until it is closed.

    On paper a strategy without a rung has the lowest one, but not in a session that was demoted
    while it ran: that `stays_down` when it is continued.
    """

    def __init__(self, loaded: Loaded, mode: str, *, stays_down: bool = False) -> None:
        self._mode = mode
        self._ladder, self.name = ladder_of(loaded)
        self._lock = _locked(self.name)
        self._journal = LadderJournal.open()
        self._head: object = None
        self._next = self._look = 0.0
        self._fresh: dict[str, list[Fact]] = {}
        self._noted = False
        self._counts: bool | None = None
        self.version = version_of(loaded)
        try:
            found = self._begun()
        except BaseException:
            self.close()
            raise
        own = self.version in found.standing.versions
        self._off = found.standing.rung == BACKTEST and not stays_down
        lowest = 0 if stays_down else 1
        self._place = max(found.place, lowest) if own or stays_down else 1
        limits = self._ladder.rules.futures_rung(self._place).as_limits
        self._found = RungInForce(limits, "the session begins")
        self.about: dict[str, Any] = {
            "strategy": self.name,
            "version": self.version,
            "ladder": display(self._ladder.file),
            "ladder_sha256": self._ladder.sha256,
            "on_paper": self._off,
        }

    def _begun(self) -> OnLadder:
        """Return where the strategy stands, after the demotions that the session calls for.

        Only a live session demotes a version that is not the one on the rung: another one may be
        tried on paper.
        """
        version = self.version if self._mode == LIVE else None
        found, _ = settle(self._journal, self._ladder, self.name, version=version)
        _refuse(found, self._ladder, self._mode)
        return found

    @property
    def rung(self) -> Rung:
        """Return the limits that the session begins with."""
        return self._found.rung

    @property
    def override(self) -> str:
        """Return the rung as an override of the session's configuration."""
        rung = self.rung
        return (
            f"rung={{name: {rung.name}, root: {rung.root}, max_contracts: {rung.max_contracts}, "
            f"risk: {rung.risk}, enforced: true}}"
        )

    def in_force(self, *, fresh: bool) -> RungInForce:
        """Return the rung in force. Raises JournalError where that cannot be read."""
        if not fresh and time.monotonic() < self._next:
            return self._found
        now = time.monotonic()
        self._next = now + EVERY
        head = self._journal.head()
        if head == self._head and not self._noted and now < self._look:
            return self._found
        self._look = now + LOOK
        found, done = settle(self._journal, self._ladder, self.name, fresh=self._fresh)
        self._head, self._noted = (None if done else head), False
        self._found = self._allowed(found)
        return self._found

    def _allowed(self, found: OnLadder) -> RungInForce:
        last = found.standing.last
        why = "" if last is None else last.transition.because
        off = found.standing.rung == BACKTEST
        if found.standing.paused:
            return RungInForce(self._ladder.rules.rungs[0].as_limits, f"paused: {why}")
        if (self._off and off) or found.place >= self._place:
            return self._found
        self._place, self._off = found.place, False
        return RungInForce(self._ladder.rules.futures_rung(found.place).as_limits, why)

    def recorded(self, run_id: str) -> Rung | None:
        """Return the last rung of a run that is taken up; None for a new one."""
        facts = self._journal.facts(run_id, [FactKind.RUNG])
        return rung_of(facts[-1]) if facts else None

    def note(self, run_id: str, fact: Fact) -> None:
        """Note a trade, a halt or a fill of the session; the next look at the rung counts it."""
        if fact.kind not in NOTED or (
            fact.kind is FactKind.FILL and not fact.body.get("synthetic")
        ):
            return
        if fact.kind is FactKind.TRADE and not self._is_evidence(run_id):
            return
        self._fresh.setdefault(run_id, []).append(fact)
        self._noted = True

    def _is_evidence(self, run_id: str) -> bool:
        """Return whether the session's trades count."""
        if self._counts is None:
            first = self._journal.facts(run_id, [FactKind.RUN])
            self._counts = bool(first) and is_evidence(first[0].body)
        return self._counts

    def close(self) -> None:
        """Free the strategy for another session."""
        self._journal.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LadderSupervisor:
    """Binds a live session to its ladder from its first moment on. `run_id` is set before that."""

    def __init__(self, guard: RungGuard) -> None:
        self._guard, self.run_id = guard, ""

    def start(self, session: Any) -> None:
        """Record the rung, and look at it at every tick and every order."""
        watch = RungWatch(session.context, self._guard, self.run_id)
        watch.begin(session.now(), self._guard.recorded(self.run_id))
        session.on_tick.append(watch.at)
        session.listeners.facts.append(watch.on_fact)

    def stop(self) -> None:
        """Do nothing: the guard is closed by who opened it."""


def guard_of(
    file: Path, overrides: Sequence[str], mode: str, resumed: OpenRun | None = None
) -> tuple[RungGuard | None, list[str]]:
    """Return the guard of a session, and the overrides with its rung; no guard without a ladder.

    A session that is continued begins with the rung of its run. Raises QeError: for a strategy that
    another session holds, one that is paused, and live for one that is on no rung.
    """
    loaded = load(file, overrides)
    if loaded.config.ladder is None:
        return None, list(overrides)
    if resumed is None:
        guard = RungGuard(loaded, mode)
        return guard, [*overrides, guard.override]
    with Journal.open() as journal:
        facts = journal.facts(resumed.run_id, [FactKind.RUN, FactKind.RUNG])
    on_paper = [fact.body.get("on_paper") for fact in facts if fact.kind is FactKind.RUNG]
    guard = RungGuard(loaded, mode, stays_down=on_paper != [True])
    return guard, [*overrides, *(_override(fact) for fact in facts[:1])]


def _override(run: Fact) -> str:
    """Return the override with the rung that a run began with."""
    rung = run.body["config"]["rung"]
    parts = (f"{key}: {value}" for key, value in rung.items() if value not in (None, ""))
    return f"rung={{{', '.join(parts)}}}"


def _refuse(found: OnLadder, ladder: Ladder, mode: str) -> None:
    """Raise LadderError where no session of a strategy may begin."""
    standing = found.standing
    if standing.paused:
        why = "" if standing.last is None else standing.last.transition.because
        raise LadderError(
            f"{found.name} is paused: {why}.",
            where=found.name,
            hint="`qe ladder propose` and `confirm` end the pause.",
        )
    if standing.rung != BACKTEST and standing.ladder_sha256 != ladder.sha256:
        raise LadderError(
            f"{display(ladder.file)} has changed since {found.name} came on {standing.rung}.",
            where=found.name,
            hint="Restore the file, or demote the strategy and propose it again.",
        )
    if mode == LIVE and standing.rung == BACKTEST:
        raise LadderError(
            f"{found.name} is on no rung, so no order may leave.",
            where=found.name,
            hint="`qe ladder propose FILE` says what is missing; `qe paper` needs no rung.",
        )


def _locked(name: str) -> FileLock:
    """Return the lock of a strategy, held. Raises LadderError where another process has it."""
    folder = state_dir.state_dir() / "ladder"
    folder.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    lock = FileLock(folder / f"{slug}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LadderError(
            f"another session trades {name}: one strategy is held by one session.",
            where=name,
            hint="`qe status` lists the sessions that run.",
        ) from None
    return lock
