"""Where a strategy stands on its ladder: a fold of the journal's facts, and of nothing else.

Each transition is a run of its own with one fact, written at once. So a process that dies finds the
state after its restart that it had, and no transition is half done.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from qe_plugins.journal.facts import Fact, FactKind, RunRow, run_id_of
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.rungs import BACKTEST

MODE = "ladder"
"""The mode of a run of the journal that is a transition."""

ITSELF = "ladder"


class Event(StrEnum):
    """What happened to a strategy on its ladder."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    DEMOTED = "demoted"
    CARRIED = "carried"


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of a strategy on its ladder. `before` and `after` are names of rungs.

    `trades` is how many live trades of it the journal had. `criteria` and `figures` are what it was
    decided by; `handled` are the causes that it answers, so that none demotes twice. `by` is the
    login name of a person, or `ladder`. `config` is the file of the strategy.
    """

    event: Event
    strategy: str
    version: str
    before: str
    after: str
    because: str
    by: str
    ladder: str
    ladder_sha256: str
    config: str = ""
    trades: int = 0
    proposal: str = ""
    criteria: list[dict[str, Any]] = []
    figures: dict[str, Any] = {}
    claim: dict[str, Any] = {}
    handled: list[str] = []


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of the journal, the id of its run, and when it was written (wall time, UTC)."""

    id: str
    at: datetime
    transition: Transition


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a strategy is: its `rung` by name, and since which live trade.

    `starts` counts the e-processes begun, `since` and `on_rung_since` are the numbers of live
    trades before the evidence and before the rung began, `on_rung_from` the id of the transition
    that began it. `versions` are those whose trades count.
    `pending` is a proposal that no person has confirmed yet; `ladder_sha256` the ladder's file when
    the rung was confirmed.
    """

    strategy: str
    rung: str = BACKTEST
    version: str = ""
    paused: bool = False
    pending: Recorded | None = None
    starts: int = 1
    since: int = 0
    on_rung_since: int = 0
    on_rung_from: str = ""
    versions: frozenset[str] = frozenset()
    ladder: str = ""
    ladder_sha256: str = ""
    config: str = ""
    claim: dict[str, Any] = {}
    handled: frozenset[str] = frozenset()
    last: Recorded | None = None

    @property
    def state(self) -> str:
        """Return `proposed`, `paused`, `demoted`, `on rung` or `off`."""
        if self.paused:
            return "paused"
        if self.pending is not None:
            return "proposed"
        if self.rung != BACKTEST:
            return "on rung"
        demoted = self.last is not None and self.last.transition.event is Event.DEMOTED
        return "demoted" if demoted else "off"


def standing_of(strategy: str, history: Iterable[Recorded]) -> Standing:
    """Return where a strategy is after its transitions, oldest first."""
    now = Standing(strategy=strategy)
    for recorded in history:
        now = _after(now, recorded)
    return now


def _after(now: Standing, recorded: Recorded) -> Standing:
    made = recorded.transition
    changed: dict[str, Any] = {
        "last": recorded,
        "config": made.config or now.config,
        "claim": made.claim or now.claim,
        "handled": now.handled | set(made.handled),
    }
    match made.event:
        case Event.PROPOSED:
            changed["pending"] = recorded
        case Event.CONFIRMED:
            changed |= {
                "pending": None,
                "paused": False,
                "rung": made.after,
                "ladder": made.ladder,
                "ladder_sha256": made.ladder_sha256,
            }
            if made.after != now.rung:
                changed |= {"on_rung_since": made.trades, "on_rung_from": recorded.id}
            if made.version not in now.versions:
                restarted = bool(now.versions)
                changed |= {
                    "version": made.version,
                    "versions": frozenset([made.version]),
                    "since": made.trades,
                    "starts": now.starts + restarted,
                }
        case Event.PAUSED:
            changed |= {"paused": True, "pending": None}
        case Event.DEMOTED:
            changed |= {
                "pending": None,
                "rung": made.after,
                "version": made.version,
                "versions": frozenset([made.version]),
                "since": made.trades,
                "on_rung_since": made.trades,
                "on_rung_from": recorded.id,
                "starts": now.starts + 1,
            }
        case Event.CARRIED:
            changed |= {"version": made.version, "versions": now.versions | {made.version}}
    return msgspec.structs.replace(now, **changed)


def histories(journal: Journal) -> dict[str, list[Recorded]]:
    """Return the transitions of every strategy by its name, oldest first."""
    found: dict[str, list[Recorded]] = {}
    rows = {row.run_id: row for row in journal.runs()}
    for run_id, first in journal.first_facts().items():
        if first.body.get("mode") == MODE and run_id in rows:
            for recorded in _read(journal, rows[run_id]):
                found.setdefault(recorded.transition.strategy, []).append(recorded)
    return found


def _read(journal: Journal, row: RunRow) -> list[Recorded]:
    facts = journal.facts(row.run_id, [FactKind.LADDER])
    return [
        Recorded(id=row.run_id, at=row.started, transition=msgspec.convert(one.body, Transition))
        for one in facts
    ]


def write(journal: Journal, made: Transition, now: datetime, ts: int) -> Recorded:
    """Write a transition to the journal and return it.

    `now` is wall time in UTC, `ts` the market's time (UTC ns). Raises JournalError.
    """
    run_id = run_id_of(now, f"{made.strategy}-{MODE}")
    about = {"name": made.strategy, "mode": MODE}
    run = Fact(id="run:1", kind=FactKind.RUN, ts_event=ts, source="quant-engine", body=about)
    fact = Fact(
        id="ladder:1",
        kind=FactKind.LADDER,
        ts_event=ts,
        source=made.by,
        cause="run:1",
        body=msgspec.to_builtins(made),
    )
    journal.write_run(run_id, made.strategy, now, [run, fact])
    return Recorded(id=run_id, at=now, transition=made)
