"""Folders of results below the state folder, found by id."""

from __future__ import annotations

from pathlib import Path

from qe_plugins import state_dir
from qe_plugins.errors import ReportError


def known(kind: str, marker: str) -> list[str]:
    """Return the ids of the folders of a kind, `sweeps`, that have a `marker`; oldest first."""
    places = (state_dir.state_dir() / kind).glob(f"*/{marker}")
    return sorted(place.parent.name for place in places)


def find(kind: str, marker: str, text: str, one: str, start: str | None = None) -> Path:
    """Return the folder that `text` names: `last`, an id, or a unique prefix of one.

    `one` is the word for such a result in errors, `start` the hint where there is none yet. Raises
    ReportError.
    """
    names = known(kind, marker)
    found = names[-1:] if text == "last" else [name for name in names if name.startswith(text)]
    found = [name for name in found if name == text] or found
    if len(found) == 1:
        return state_dir.state_dir() / kind / found[0]
    hint = f"There are {', '.join(names[-5:])}." if names else start
    what = f"'{text}' is the prefix of {len(found)} {one}s." if found else f"no {one} '{text}'."
    raise ReportError(what, hint=hint)
