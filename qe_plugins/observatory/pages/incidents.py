"""`/incident/ID`: what happened, what the desk did, what is at stake, and two buttons."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from qe_plugins.errors import QeError
from qe_plugins.halt.latch import Halt, HaltLatch, utc
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry
from qe_plugins.journal.activity.report import record
from qe_plugins.journal.facts import FactKind, RunFact
from qe_plugins.observatory.notes import notes_on
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.server.actions import actor
from qe_plugins.observatory.sources import Sources

LOOKED_AT = 500
"""The newest facts in which an incident is looked for."""


def page(sources: Sources) -> Page:
    """Return the page of one incident."""

    def show(asked: Asked) -> Shown:
        name = asked.path["incident"]
        told = _facts_of(sources, name)
        halt = HaltLatch.at_home().read()
        if not told and not (halt is not None and _name(halt) == name):
            raise QeError(
                f"no incident '{name[:80]}'.", hint="`qe journal alarms` and `halts` list them."
            )
        values: dict[str, Any] = {
            "name": name,
            "what": _what(told, halt, name),
            "told": told,
            "halt": halt,
            "halt_line": "" if halt is None else halt.line,
            "sessions": [
                (one.status.name, one.state, f"heartbeat {one.age:.0f} s ago",
                 ", ".join(f"{n} {c:+}" for n, c in one.status.positions.items() if c) or "flat",
                 reading.text if (reading := one.status.readings.get("daily_loss")) else "unknown")
                for one in read_sessions()[0]
            ],
            "notes": notes_on(sources.activity(), f"/incident/{name}"),
        }  # fmt: skip
        return Shown(template="incident.html", values=values)

    def leave(asked: Asked) -> str:
        name = asked.form.get("incident", "")[:200]
        record(
            PipelineEntry(
                process="observatory",
                kind=ActivityKind.NOTE,
                text="left as it is, seen by a person",
                actor=actor(),
                href=f"/incident/{name}",
            )
        )
        return f"/incident/{name}" if name else "/"

    return Page(
        title="Incident",
        path="/incident",
        views={"/incident/{incident}": show, "/incidents/{incident}": show},
        forms={"/leave": leave},
    )


def _facts_of(sources: Sources, name: str) -> list[RunFact]:
    """Return the facts of an incident, oldest first: alarms by its id, a halt by its time."""
    journal = sources.journal()
    if journal is None:
        return []
    kinds = [FactKind.ALARM, FactKind.HALT]
    found = journal.page(kinds=kinds, limit=LOOKED_AT, newest_first=True)
    return [one for one in reversed(found) if _is_of(one, name)]


def _is_of(one: RunFact, name: str) -> bool:
    if one.fact.kind is FactKind.ALARM:
        return name == str(one.fact.body.get("incident", one.run_id))
    at = datetime.fromtimestamp(one.fact.ts_event / 1e9, UTC)
    return name == f"halt-{at:%Y%m%d-%H%M%S}"


def _name(halt: Halt) -> str:
    return f"halt-{halt.since.astimezone(UTC):%Y%m%d-%H%M%S}"


def _what(told: list[RunFact], halt: Halt | None, name: str) -> str:
    """Return what happened in one sentence."""
    if told:
        body = told[0].fact.body
        what = body.get("text") or body.get("reason") or told[0].fact.kind
        about = " ".join(str(body[key]) for key in ("kind", "about") if body.get(key))
        return f"{about.replace('_', ' ')}: {what}" if about else f"halted: {what}"
    assert halt is not None
    return f"halted by {halt.who} at {utc(halt.since)}: {halt.reason}"
