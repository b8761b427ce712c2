"""Notes of people: rows of `pipeline_journal` whose address is the line that they are on."""

from __future__ import annotations

from qe_plugins.journal.activity.records import ActivityKind, PipelineRow
from qe_plugins.journal.activity.store import ActivityJournal

MOST = 1_000
"""The newest notes that are looked at."""


def notes_on(activity: ActivityJournal | None, href: str) -> list[PipelineRow]:
    """Return the notes on the line with an address, oldest first."""
    found = activity.rows(kinds=[ActivityKind.NOTE], limit=MOST) if activity is not None else []
    return [row for row in reversed(found) if row.href == href]
