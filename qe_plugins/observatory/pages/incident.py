"""`/incident/ID`: what happened, what was done about it, what may follow, and two buttons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.activity.records import (
    ActivityKind,
    MissionRow,
    MissionState,
    PipelineEntry,
    PipelineRow,
)
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.listings import line
from qe_plugins.mission import board, desk, rules
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.server.actions import actor
from qe_plugins.observatory.sources import Sources
from qe_plugins.state_dir import NAME
from qe_plugins.wall_clock import nanoseconds, now

DONE = (FactKind.FLATTEN, FactKind.CLOSING)
MOST = 20
HALT = "halt-"
AT_THE_BROKER = "A stop at the broker works while nothing here does."


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident: its sentence, since when, and until when where it is over. Times are UTC."""

    incident: str
    source: str
    title: str
    text: str
    since: datetime
    ended: datetime | None


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done since: when (UTC nanoseconds, wall time), by what, and its text."""

    at: int
    source: str
    text: str


def page(sources: Sources) -> Page:
    """Return the pages of incidents."""

    def show(asked: Asked) -> Shown:
        found = _find(sources, asked.path["incident"])
        strip = sources.strip()
        values = {
            "incident": found,
            "deeds": _deeds(sources, found),
            "left": _left(sources, found),
            "at_risk": f"Can be lost: {strip.at_risk}. {AT_THE_BROKER}",
            "state": f"{strip.word} {strip.sentence}",
            "holds": strip.holds,
        }
        return Shown(template="incident.html", values=values)

    def leave(asked: Asked) -> str:
        found = _find(sources, asked.form.get("incident", ""))
        href = f"/incident/{found.incident}"
        at = now()
        holding = desk.asked_of_a_person(sources.journal(), at)
        with ActivityJournal.open() as journal:
            if not _left(sources, found):
                text = f"left as it is: {found.title}"
                journal.record(
                    PipelineEntry(
                        process="observatory",
                        kind=ActivityKind.ACTION,
                        text=text,
                        actor=actor(),
                        href=href,
                    )
                )
            at_ns = nanoseconds(at)
            board.change(journal, holding, at_ns, partial(_acknowledged, found.source, at_ns))
        return href

    return Page(
        title="Incident",
        path="/incident",
        views={"/incident/{incident}": show, "/incidents/{incident}": show},
        forms={"/incident/leave": leave},
    )


def _acknowledged(source: str, at_ns: int, rows: Sequence[MissionRow]) -> list[MissionRow]:
    """Return the rows that finish the item of an incident, where there is one."""
    return [
        changed
        for row in rows
        if row.source == source and row.state is not MissionState.DONE
        for changed in rules.done(rows, row.item, at_ns)
    ]


def _find(sources: Sources, incident: str) -> Incident:
    """Return an incident. Raises QeError for an unknown one."""
    if NAME.fullmatch(incident) and (
        found := _halt(sources, incident)
        if incident.startswith(HALT)
        else _alarm(sources, incident)
    ):
        return found
    raise QeError("there is no such incident.", where="incident", hint="`qe status` says what is.")


def _alarm(sources: Sources, incident: str) -> Incident | None:
    journal = sources.journal()
    if journal is None:
        return None
    facts = [
        one.fact
        for one in journal.page(kinds=[FactKind.ALARM], limit=500, newest_first=True)
        if one.fact.body.get("incident") == incident
    ]
    if not facts:
        return None
    body, first = facts[0].body, facts[-1].body
    kind = str(body.get("kind", "alarm")).replace("_", " ")
    return Incident(
        incident=incident,
        source=f"alarm:{incident}",
        title=f"{kind} {body.get('about', '')}".strip(),
        text=str(first.get("text", "")),
        since=_time(first.get("since"), facts[-1].ts_event),
        ended=_time(body["ended"], facts[0].ts_event) if body.get("ended") else None,
    )


def _halt(sources: Sources, incident: str) -> Incident | None:
    stamp = incident.removeprefix(HALT)
    try:
        since = datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    halt = HaltLatch.at_home().read()
    if halt is not None and f"{halt.since.astimezone(UTC):%Y%m%d-%H%M%S}" == stamp:
        title, text, ended = f"Halted: {halt.reason}", f"by {halt.who}", None
    else:
        title, text, ended = "A halt that has ended", "", now()
        journal = sources.journal()
        kinds = [FactKind.RESUME]
        for one in journal.page(kinds=kinds, limit=50, newest_first=True) if journal else ():
            at = datetime.fromtimestamp(one.fact.ts_event / 1e9, UTC)
            if at >= since:
                ended, text = at, f"resumed by {one.fact.body.get('by', 'a person')}"
    return Incident(
        incident=incident,
        source=f"halt:{stamp}",
        title=title,
        text=text,
        since=since,
        ended=ended,
    )


def _deeds(sources: Sources, found: Incident) -> list[Deed]:
    """Return what was done since an incident began, oldest first: of the journal and of people."""
    journal, activity = sources.journal(), sources.activity()
    since = int(found.since.timestamp()) * 1_000_000_000
    deeds = [
        Deed(at=one.fact.ts_event, source=one.fact.source, text=line(one.fact))
        for one in (journal.page(kinds=DONE, since_ns=since, limit=MOST) if journal else ())
    ]
    kinds = (ActivityKind.HALT, ActivityKind.ACTION, ActivityKind.RESUME, ActivityKind.NOTE)
    rows = activity.rows(kinds=kinds, since_ns=since, limit=MOST) if activity else []
    deeds += [
        Deed(at=row.at_ns, source=row.actor or row.process, text=f"{row.kind}: {row.text}")
        for row in rows
    ]
    return sorted(deeds, key=lambda one: one.at)[:MOST]


def _left(sources: Sources, found: Incident) -> PipelineRow | None:
    """Return the row in which a person left the incident as it is."""
    activity = sources.activity()
    since = int(found.since.timestamp()) * 1_000_000_000
    rows = activity.rows(kinds=[ActivityKind.ACTION], since_ns=since) if activity else []
    return next((row for row in rows if row.href == f"/incident/{found.incident}"), None)


def _time(text: object, otherwise_ns: int) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(otherwise_ns / 1e9, UTC)
