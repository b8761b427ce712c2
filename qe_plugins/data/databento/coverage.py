"""Which sessions a contract's bars cover: days present, days missing, bars outside hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.market.sessions import Session, sessions
from qe_plugins.market.terms import markets

DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000
EPOCH = date(1970, 1, 1)

type Stamps = np.ndarray[tuple[int], np.dtype[np.int64]]


class Coverage(msgspec.Struct, frozen=True):
    """Sessions from a contract's first bar to its last. `outside` counts bars out of hours."""

    present: int
    missing: list[date]
    outside: int


def utc_days(stamps: Stamps) -> list[date]:
    """Return the UTC days that have a bar."""
    return [EPOCH + timedelta(days=int(day)) for day in np.unique(stamps // DAY_NS)]


def coverage(root: str, stamps: Stamps) -> Coverage | None:
    """Return the sessions that bars opening at `stamps` cover; None for a root without calendar."""
    if root not in markets().roots or not len(stamps):
        return None
    first, last = (EPOCH + timedelta(days=int(t // DAY_NS)) for t in (stamps.min(), stamps.max()))
    known = sessions(root, first - timedelta(days=7), last + timedelta(days=7))
    opens = _nanoseconds(session.open for session in known)
    closes = _nanoseconds(session.close for session in known)
    number = np.searchsorted(opens, stamps, side="right") - 1
    inside = (number >= 0) & (stamps < closes[number]) & ~_halted(known, stamps)
    hit = set(np.unique(number[inside]).tolist())
    whole = range(min(hit, default=0), max(hit, default=-1) + 1)
    missing = [known[one].date for one in whole if one not in hit]
    return Coverage(len(hit), missing, int((~inside).sum()))


def spans(days: Iterable[date]) -> str:
    """Return days in words, those in a row together: `2013-10-06..11, 2013-10-14`."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(_run(run[0], run[-1]) for run in runs)


def _run(first: date, last: date) -> str:
    if first == last:
        return first.isoformat()
    same = (first.year, first.month) == (last.year, last.month)
    return f"{first}..{last:%d}" if same else f"{first}..{last}"


def _halted(known: list[Session], stamps: Stamps) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    halts = [halt for session in known for halt in session.breaks]
    if not halts:
        return np.zeros(len(stamps), dtype=np.bool_)
    starts = _nanoseconds(halt.start for halt in halts)
    ends = _nanoseconds(halt.end for halt in halts)
    number = np.searchsorted(starts, stamps, side="right") - 1
    halted: np.ndarray[tuple[int], np.dtype[np.bool_]] = (number >= 0) & (stamps < ends[number])
    return halted


def _nanoseconds(moments: Iterable[datetime]) -> Stamps:
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    return np.array([(one - zero) // timedelta(seconds=1) * SECOND_NS for one in moments], np.int64)
