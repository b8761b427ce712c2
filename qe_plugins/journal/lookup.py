"""Find an id by its prefix, which must be unique."""

from __future__ import annotations

from collections.abc import Sequence

from qe_plugins.errors import JournalError

SHOWN = 5


def resolve_prefix(text: str, ids: Sequence[str], *, what: str) -> str:
    """Return the id that is `text` or begins with it; `what` names the ids in errors.

    Raises JournalError where no id matches, or several do.
    """
    if text in ids:
        return text
    found = [known for known in ids if known.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise JournalError(
            f"'{text}' is the start of {len(found)} {what}s: {_some(found)}.",
            hint="Write more of the id.",
        )
    raise JournalError(f"no {what} '{text}'.", hint=f"There is {_some(ids)}." if ids else None)


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[-SHOWN:]) + more
