"""The result of a parity check for the terminal and as a JSON document."""

from __future__ import annotations

from typing import Any

from qe_plugins.research.parity.causes import ParityCause
from qe_plugins.research.parity.items import KINDS
from qe_plugins.research.parity.outcome import Parity
from qe_plugins.research.parity.words import difference_words, short, utc

PLURALS = {"veto": "vetoes"}
HIDDEN = ("position", "outcome", "bar")


def headline(found: Parity) -> str:
    """Return the first line: what was compared with what."""
    session = found.session
    state = ", no end yet: compared up to its last bar" if session.still_open else ""
    return (
        f"{session.name}: {session.mode} session {session.run_id}{state}\n"
        f"{found.bars:,} bars, {utc(found.start)} to {utc(found.end)} UTC; "
        f"rerun on {found.data}"
    )


def verdict(found: Parity) -> str:
    """Return the last line: clean, or how much differs."""
    compared = ", ".join(
        _counted(found.counts[kind], kind)
        for kind in KINDS
        if kind not in HIDDEN and found.counts.get(kind)
    )
    compared = compared or "nothing was decided"
    if found.clean:
        ticks = (
            f"; {_counted(found.within_tick, 'fill')} within a tick" if found.within_tick else ""
        )
        return f"clean: {compared}, each as in the backtest{ticks}"
    count, causes = len(found.differences), len(found.causes)
    return (
        f"NOT CLEAN: {_counted(count, 'difference')} from {_counted(causes, 'cause')} ({compared})"
    )


def notes(found: Parity) -> list[str]:
    """Return what differs without changing anything."""
    named = " ".join(one.text for one in found.causes)
    lines = [
        f"setting differs: {key}: {then} then, {now} now"
        for key, (then, now) in found.settings.items()
        if key not in named
    ]
    lines += [f"code has changed since: {key}" for key in found.code if key not in named]
    return lines


def rows(found: Parity) -> list[tuple[str, str, str]]:
    """Return one row a cause: its text, its first difference, and what follows."""
    return [
        (one.text, "" if one.first in one.text else one.first, follow(one)) for one in found.causes
    ]


def follow(cause: ParityCause) -> str:
    """Return how many differences follow from the first: `2 orders, 1 fill`."""
    parts = [_counted(cause.following[kind], kind) for kind in KINDS if kind in cause.following]
    return ", ".join(parts) or "none"


def document(found: Parity) -> dict[str, Any]:
    """Return the result as plain data, times as UTC text."""
    by_key = {key: cause.text for cause in found.causes for key in cause.differences}
    return {
        "run": found.session.run_id,
        "mode": found.session.mode,
        "clean": found.clean,
        "data": found.data,
        "bars": found.bars,
        "start": utc(found.start),
        "end": utc(found.end),
        "open": found.session.still_open,
        "compared": found.counts,
        "within_tick": found.within_tick,
        "settings": found.settings,
        "code": found.code,
        "causes": [
            {
                "kind": one.kind,
                "cause": one.text,
                "first": one.first,
                "follow": len(one.differences) - 1,
                "following": one.following,
            }
            for one in found.causes
        ],
        "differences": [
            {
                "kind": one.item.kind,
                "time": utc(one.ts),
                "source": one.item.source,
                "contract": short(one.item.contract),
                "what": difference_words(one),
                "cause": by_key[key],
            }
            for key, one in found.differences.items()
        ],
        "journal": found.parity_id,
    }


def _counted(count: int, kind: str) -> str:
    plural = PLURALS.get(kind, f"{kind}s")
    return f"{count:,} {kind if count == 1 else plural}"
