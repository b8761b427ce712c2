"""`/journal`, `/line/N`, `/note`: what the system did, by wall clock, and notes of people on it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from qe_plugins.errors import QeError
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, PipelineRow, Severity
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.listings import VIEWS
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.notes import notes_on
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.render import environment
from qe_plugins.observatory.server.actions import actor
from qe_plugins.observatory.sources import Sources
from qe_plugins.wall_clock import nanoseconds

LINES = 100
"""Lines of a page."""

MOST_NEW = 50
"""Lines that a stream adds at once."""


class LineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What the form above the lines asks for; empty is everything."""

    day: str = ""
    kind: str = ""
    severity: str = ""
    run: str = ""
    word: str = ""

    @property
    def any(self) -> bool:
        """Return whether something is left out on purpose."""
        return any(msgspec.structs.asdict(self).values())

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `ActivityJournal.rows`. Raises QeError."""
        found: dict[str, Any] = {"word": self.word or None, "run": self.run or None}
        try:
            if self.kind:
                found["kinds"] = [ActivityKind(self.kind)]
            if self.severity:
                found["severities"] = [Severity(self.severity)]
            if self.day:
                day = date.fromisoformat(self.day)
                found["since_ns"] = _ns(day)
                found["until_ns"] = _ns(day + timedelta(days=1))
        except (ValueError, OverflowError) as error:
            raise QeError(f"{error}.", where="journal", hint="Choose from the form.") from error
        return found


def page(sources: Sources) -> Page:
    """Return the pages of the journal's lines."""
    templates = environment()

    def show(asked: Asked) -> Shown:
        wanted = msgspec.convert(
            {name: asked.query.get(name, "")[:100] for name in LineFilter.__struct_fields__},
            LineFilter,
        )
        before = _number(asked.query.get("before"))
        activity = sources.activity()
        values: dict[str, Any] = {
            "filter": wanted,
            "kinds": [str(one) for one in ActivityKind],
            "severities": [str(one) for one in Severity],
            "listings": list(VIEWS),
            "known": activity is not None,
            "rows": [],
            "older": None,
            "summary": "",
        }
        newest = _newest(activity)
        if activity is not None:
            rows = activity.rows(before=before, limit=LINES + 1, **wanted.arguments())
            more, rows = len(rows) > LINES, rows[:LINES]
            values |= {"rows": rows, "summary": _summary(rows, wanted, newest, more, before)}
            values["known"] = newest > 0
            if more:
                kept = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v}
                values["older"] = f"/journal?{urlencode(kept | {'before': rows[-1].seq})}"
        live = not wanted.any and before is None
        feeds = (f"journal@{newest}",) if live and newest else ()
        return Shown(template="journal.html", values=values, feeds=feeds)

    def line(asked: Asked) -> Shown:
        activity, number = sources.activity(), _number(asked.path["number"])
        rows = activity.rows(after=number - 1, limit=1) if activity and number else []
        if not rows or rows[0].seq != number:
            raise QeError("the journal has no such line.", where=asked.url)
        row = rows[0]
        place = row.href if row.href and row.href[:1] == "/" != row.href[1:2] else None
        values = {"row": row, "place": place, "notes": notes_on(activity, asked.url)}
        return Shown(template="line.html", values=values)

    def note(asked: Asked) -> str:
        text, href = asked.form.get("text", "").strip()[:1000], asked.form.get("href", "")
        if not text or not href.startswith(("/line/", "/fact/", "/run/", "/trade/", "/incident/")):
            raise QeError("a note has words and a line that it is on.", where="note")
        with ActivityJournal.open() as journal:
            journal.record(
                PipelineEntry(
                    process="observatory",
                    kind=ActivityKind.NOTE,
                    text=text,
                    actor=actor(),
                    href=href[:400],
                )
            )
        return href

    def cursor(_argument: str) -> str:
        return str(_newest(sources.activity()))

    def render(_argument: str, since: str, until: str) -> str:
        activity = sources.activity()
        after, last = _number(since) or 0, _number(until) or 0
        found = activity.rows(after=max(after, last - MOST_NEW)) if activity else []
        rows = [row for row in reversed(found) if row.seq <= last]
        return templates.get_template("journal_change.html").render(rows=rows)

    return Page(
        title="Journal",
        path="/journal",
        key="j",
        order=4,
        views={"/journal": show, "/line/{number:int}": line},
        forms={"/note": note},
        feeds=(Feed(name="journal", cursor=cursor, render=render),),
    )


def _newest(activity: ActivityJournal | None) -> int:
    rows = activity.rows(limit=1) if activity is not None else []
    return rows[0].seq if rows else 0


def _summary(
    rows: list[PipelineRow], wanted: LineFilter, newest: int, more: bool, before: int | None
) -> str:
    """Return how many lines are shown, and how many are left out and why."""
    if not rows:
        return f"No line of {newest:,} is asked for." if newest else "No line yet."
    first = before - 1 if before is not None else newest
    skipped = first - rows[-1].seq + 1 - len(rows)
    said = [f"{len(rows):,} lines shown, newest first"]
    if wanted.any:
        said.append(f"{skipped:,} between them left out by the form")
    if more or rows[-1].seq > 1:
        said.append(f"{rows[-1].seq - 1:,} older ones {'follow' if more else 'left out as well'}")
    return "; ".join(said) + "."


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _ns(day: date) -> int:
    return nanoseconds(datetime.combine(day, time(), CHICAGO))
