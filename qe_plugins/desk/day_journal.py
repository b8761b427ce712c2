"""A desk's day in the journal: one open run, in which each step is written before it begins.

The intent of a step is on the disk before its first call or act, its outcome in one append with the
facts that it made. What has an intent and no outcome was interrupted.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec

from qe_plugins import wall_clock
from qe_plugins.desk.records import (
    OPEN,
    DeskStep,
    StepKind,
    StepRecord,
    StepResult,
    StepState,
)
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.state_dir import state_dir
from qe_plugins.wall_clock import nanoseconds

NAME = "desk"
"""The name of every such run, and the mode in its first fact."""

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def run_id_of(name: str, day: date) -> str:
    """Return the run of a desk's day: `desk-team-2026-11-30`."""
    return f"{NAME}-{name}-{day.isoformat()}"


def synthesis_page(day: date) -> Path:
    """Return the file of SYNTHESIS' page of a day, whether or not it is written."""
    return state_dir() / "reports" / "synthesis" / f"{day.isoformat()}.html"


class DeskDayJournal:
    """The steps of one day, in the journal and in memory; to be used as a context manager."""

    def __init__(self, journal: Journal, run_id: str) -> None:
        self._journal, self.run_id = journal, run_id
        self.steps: dict[str, StepRecord] = {}
        self._ids: dict[str, str] = {}

    @staticmethod
    def unfinished(journal: Journal, name: str) -> date | None:
        """Return the last day of a desk that was not closed, None without one."""
        begin = f"{NAME}-{name}-"
        runs = [one.run_id for one in journal.open_runs() if one.name == NAME]
        days = [one.removeprefix(begin) for one in runs if one.startswith(begin)]
        return max((date.fromisoformat(one) for one in days if DAY.fullmatch(one)), default=None)

    @property
    def session(self) -> str | None:
        """Return the run of the last session beside this day, None without one."""
        found = [one.step.run for one in self.steps.values() if one.step.kind is StepKind.SESSION]
        return found[-1] if found else None

    @property
    def reached(self) -> datetime | None:
        """Return the last moment of the market's clock at which a step was written."""
        return max((one.at for one in self.steps.values()), default=None)

    @classmethod
    def open(cls, journal: Journal, name: str, day: date) -> Self:
        """Begin a desk's day, or take it up where a killed desk left it.

        Raises JournalError where another desk of the name works on it, or it is closed.
        """
        run_id = run_id_of(name, day)
        opened = journal.open_run(run_id, NAME, wall_clock.now())
        self = cls(journal, run_id)
        if not opened.facts:
            body = {"mode": NAME, "name": name, "day": day.isoformat()}
            fact = Fact(id="run", kind=FactKind.RUN, ts_event=_noon(day), source=NAME, body=body)
            journal.append(run_id, [fact])
        for fact in journal.facts(run_id, [FactKind.STEP]):
            self._read(fact)
        return self

    def intend(self, step: DeskStep, at: datetime) -> None:
        """Write that a step begins, or is taken up again; it is on the disk on return."""
        known = self.steps.get(step.id)
        again = known is not None and known.state in OPEN and known.step.attempt == step.attempt
        state = StepState.RESUMED if again else StepState.INTENDED
        resumed = known.resumed + 1 if again and known is not None else 0
        body = {
            name: value for name, value in msgspec.to_builtins(step).items() if value is not None
        }
        suffix = f"resumed.{resumed}" if again else ""
        self._append([self._fact(step, state, at, suffix, body)])

    def conclude(self, step: DeskStep, state: StepState, at: datetime, result: StepResult) -> None:
        """Write how a step ended, in one append with the facts that it made."""
        body: dict[str, Any] = {**result.body, "text": result.text, "usd": str(result.usd)}
        if result.valid_until is not None:
            body["valid_until"] = result.valid_until
        if result.renew is not None:
            body["renew"] = result.renew
        outcome = self._fact(step, state, at, str(state), body)
        made = [msgspec.structs.replace(one, cause=one.cause or outcome.id) for one in result.facts]
        self._append([outcome, *made])

    def spent(self) -> Decimal:
        """Return what the day's steps cost so far, in USD."""
        return sum((one.usd for one in self.steps.values()), Decimal(0))

    def close(self) -> None:
        """Close the day into the chain of runs."""
        self._journal.close_run(self.run_id)

    def _fact(
        self, step: DeskStep, state: StepState, at: datetime, suffix: str, body: dict[str, Any]
    ) -> Fact:
        attempt = f"{step.id}#{step.attempt}"
        return Fact(
            id=f"{attempt}.{suffix}" if suffix else attempt,
            kind=FactKind.STEP,
            ts_event=nanoseconds(at),
            source=NAME,
            cause=attempt if suffix else None,
            body={"step": step.id, "state": str(state), **body},
        )

    def _append(self, facts: list[Fact]) -> None:
        self._journal.append(self.run_id, facts)
        for fact in facts:
            if fact.kind is FactKind.STEP:
                self._read(fact)

    def _read(self, fact: Fact) -> None:
        body, at = fact.body, datetime.fromtimestamp(fact.ts_event / 10**9, UTC)
        state, name = StepState(body["state"]), str(body["step"])
        known = self.steps.get(name)
        if state is StepState.INTENDED or known is None:
            fields = {key: body[key] for key in DeskStep.__struct_fields__ if key in body}
            step = msgspec.convert(fields, DeskStep)
            usd = known.usd if known is not None else Decimal(0)
            self.steps[name] = StepRecord(step=step, state=state, at=at, usd=usd)
            return
        self.steps[name] = msgspec.structs.replace(
            known,
            state=state,
            at=at,
            resumed=known.resumed + (state is StepState.RESUMED),
            usd=known.usd + Decimal(body.get("usd", "0")),
            valid_until=body.get("valid_until"),
            renew=body.get("renew"),
        )


def _noon(day: date) -> int:
    return nanoseconds(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
