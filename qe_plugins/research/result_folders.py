"""Folders of results below the state folder, found by id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qe_plugins import state_dir
from qe_plugins.errors import ReportError
from qe_plugins.journal.lookup import resolve_run


def known(kind: str, marker: str) -> list[str]:
    """Return the ids of the folders of a kind, `sweeps`, that have a `marker`; oldest first."""
    places = (state_dir.state_dir() / kind).glob(f"*/{marker}")
    return sorted(place.parent.name for place in places)


def find(
    kind: str,
    marker: str,
    text: str,
    one: str,
    start: str | None = None,
    name_of: Callable[[str], str] | None = None,
) -> Path:
    """Return the folder that `text` names, as `journal.lookup.resolve_run` reads it.

    `one` is the word for such a result in errors, `start` the hint where there is none yet,
    `name_of` returns the name of an id, by default what follows its time. Raises ReportError.
    """
    ids = known(kind, marker)
    named = name_of or _name_in
    found = resolve_run(
        text,
        ids,
        lambda: {run_id: named(run_id) for run_id in reversed(ids)},
        what=one,
        hint=f"There are {', '.join(ids[-5:])}." if ids else start,
        start=start,
        error=ReportError,
    )
    return state_dir.state_dir() / kind / found


def _name_in(run_id: str) -> str:
    """Return the name in an id, whose first three parts are date and time."""
    return run_id.split("-", 3)[-1]
