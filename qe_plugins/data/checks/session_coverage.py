"""Sessions that a contract's bars cover: present, missing, gaps, bars outside trading hours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.market.sessions import Session, sessions
from qe_plugins.market.specs import markets

DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
EPOCH = date(1970, 1, 1)
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
SUNDAY = 6

type Stamps = np.ndarray[tuple[int], np.dtype[np.int64]]


class Coverage(msgspec.Struct, frozen=True):
    """Sessions from a contract's first bar to its last. `outside` counts bars out of hours.

    `hole` is the longest gap inside a session that has bars, in minutes of trading; it begins at
    `hole_at`, UTC nanoseconds.
    """

    present: int
    missing: list[date]
    outside: int
    hole: int
    hole_at: int


def utc_days(stamps: Stamps) -> list[date]:
    """Return the UTC days that have a bar."""
    return [EPOCH + timedelta(days=int(day)) for day in np.unique(stamps // DAY_NS)]


def coverage(root: str, stamps: Stamps, step: int) -> Coverage | None:
    """Return how bars that open at `stamps` (UTC ns, sorted) and last `step` ns cover sessions.

    None for a root without a calendar.
    """
    if root not in markets().roots:
        return None
    known = sessions(root, _utc_day(stamps[0]) - WEEK, _utc_day(stamps[-1]) + WEEK)
    segments = [(number, *part) for number, one in enumerate(known) for part in trading(one)]
    session, starts, ends = (np.array(column, np.int64) for column in zip(*segments, strict=True))
    at = np.searchsorted(starts, stamps, side="right") - 1
    inside = (at >= 0) & (stamps < ends[at])
    at, covered = at[inside], stamps[inside]
    hit = set(np.unique(session[at]).tolist())
    between = range(min(hit, default=0), max(hit, default=-1) + 1)
    traded = np.cumsum(ends - starts) - (ends - starts)  # trading time before each segment
    hole, hole_at = _longest_gap(traded[at] + covered - starts[at], session[at], covered, step)
    return Coverage(
        present=len(hit),
        missing=[known[one].date for one in between if one not in hit],
        outside=int((~inside).sum()),
        hole=hole // MINUTE_NS,
        hole_at=hole_at,
    )


def _longest_gap(clock: Stamps, session: Stamps, stamps: Stamps, step: int) -> tuple[int, int]:
    """Return the longest gap of trading time within a session, and when it began (both ns)."""
    pauses = np.where(np.diff(session) == 0, np.diff(clock) - step, 0)
    if not len(pauses) or pauses.max() <= 0:
        return 0, 0
    return int(pauses.max()), int(stamps[int(pauses.argmax())]) + step


def trading(session: Session) -> Iterator[tuple[int, int]]:
    """Yield when a session trades, between its halts, in UTC nanoseconds."""
    start = session.open
    for halt in session.breaks:
        yield _to_nanoseconds(start), _to_nanoseconds(halt.start)
        start = halt.end
    yield _to_nanoseconds(start), _to_nanoseconds(session.close)


def spans(days: Iterable[date]) -> str:
    """Return days as text, consecutive ones as a range: `2013-10-06..11, 2013-10-14`.

    Saturdays, which never have a bar, do not interrupt a range.
    """
    runs: list[list[date]] = []
    for day in sorted(days):
        gap = timedelta(days=2 if day.weekday() == SUNDAY else 1)
        if runs and day - runs[-1][-1] <= gap:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(_range_text(run[0], run[-1]) for run in runs)


def _range_text(first: date, last: date) -> str:
    if first == last:
        return first.isoformat()
    same = (first.year, first.month) == (last.year, last.month)
    return f"{first}..{last:%d}" if same else f"{first}..{last}"


def _to_nanoseconds(moment: datetime) -> int:
    return (moment - ZERO) // timedelta(seconds=1) * SECOND_NS


def _utc_day(stamp: np.int64) -> date:
    return EPOCH + timedelta(days=int(stamp // DAY_NS))
