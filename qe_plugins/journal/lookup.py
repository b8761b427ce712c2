"""Find a run by what a person writes for it: its place, id, a prefix of one, or its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from qe_plugins.errors import JournalError, QeError

SHOWN = 5
BEFORE_LAST = re.compile(r"last~([0-9]{1,6})")


def place_of(text: str) -> int | None:
    """Return which of the newest `text` names: 0 for `last`, 1 for `previous`, 2 for `last~2`.

    None for any other text.
    """
    if text in ("last", "previous"):
        return int(text == "previous")
    counted = BEFORE_LAST.fullmatch(text)
    return int(counted[1]) if counted else None


def resolve_run(
    text: str,
    ids: Sequence[str],
    newest_first: Callable[[], Mapping[str, str]],
    *,
    what: str = "run",
    hint: str | None = None,
    start: str | None = None,
    error: type[QeError] = JournalError,
) -> str:
    """Return the id of the run that `text` names, of those with `ids`.

    `text` is `last`, `previous`, `last~2` (the second before the last), an id, a unique prefix of
    one, or a name: that of the newest run of that name. `newest_first` returns names by id and is
    called only where they count. `what` names a run in errors, `hint` says which there are, `start`
    how to make the first. Raises `error` where no run matches, or several do.
    """
    if (place := place_of(text)) is not None:
        return _newest(list(newest_first()), place, what, (hint, start), error)
    found = [known for known in ids if known.startswith(text)] if text else []
    if text not in found and len(found) != 1:
        named = [run for run, name in newest_first().items() if name == text]
        found = named[:1] or found
    if text in found:
        return text
    return _only(text, found, ids, what, hint, error)


def resolve_prefix(text: str, ids: Sequence[str], *, what: str) -> str:
    """Return the id that is `text` or begins with it; `what` names the ids in errors.

    Raises JournalError where no id matches, or several do.
    """
    if text in ids:
        return text
    found = [known for known in ids if known.startswith(text)] if text else []
    return _only(text, found, ids, what, None, JournalError)


def _newest(
    ids: Sequence[str],
    place: int,
    what: str,
    hints: tuple[str | None, str | None],
    error: type[QeError],
) -> str:
    if place < len(ids):
        return ids[place]
    if not ids:
        raise error(f"there is no {what} yet.", hint=hints[1])
    counted = f"is only one {what}" if len(ids) == 1 else f"are only {len(ids)} {what}s"
    raise error(f"there {counted}.", hint=hints[0])


def _only(
    text: str,
    found: Sequence[str],
    ids: Sequence[str],
    what: str,
    hint: str | None,
    error: type[QeError],
) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        raise error(
            f"'{text}' is the start of {len(found)} {what}s: {_some(found)}.",
            hint="Write more of the id.",
        )
    raise error(f"no {what} '{text}'.", hint=hint or (f"There is {_some(ids)}." if ids else None))


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[-SHOWN:]) + more
