"""Whether a root's market stands at a moment, by its regular hours: no calendar is read.

The exchange's holidays and early closes are not known here: on them there are no bars to send an
order from.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qe_plugins.market.terms import Family, latest, markets

CHICAGO = ZoneInfo("America/Chicago")
DAY = timedelta(days=1)
SECOND = 1_000_000_000
WEEK = 7
SATURDAY = 5


def closed_until(root: str, ts: int) -> datetime | None:
    """Return when, in Chicago, a market that is closed at `ts` (UTC ns) opens; None while open.

    A root that `configs/markets.yaml` does not have is taken to be open.
    """
    found = stretch(root, ts)
    return _chicago(found[0]) if found and ts < found[0] else None


def stretch(root: str, ts: int) -> tuple[int, int] | None:
    """Return when the stretch of trading that holds `ts`, or else the next one, starts and ends.

    All are UTC nanoseconds; a halt ends a stretch. None for a root that `configs/markets.yaml`
    does not have.
    """
    terms = markets()
    if root not in terms.roots:
        return None
    family, now = terms.sessions[terms.roots[root].sessions], _chicago(ts)
    start, end = next(span for span in trading(family, now.date()) if now < span[1])
    return int(start.timestamp()) * SECOND, int(end.timestamp()) * SECOND


def _chicago(ts: int) -> datetime:
    return datetime.fromtimestamp(ts // SECOND, CHICAGO)


def trading(family: Family, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches of trading that end on a day or on one of the week after it."""
    for each in (day + n * DAY for n in range(WEEK + 1)):
        if each.weekday() >= SATURDAY:
            continue
        hours = latest(family.hours, each, lambda one: one.since)
        closes = time.fromisoformat(hours.close)
        start = _moment(each - DAY, hours.open)
        for halt in sorted(hours.breaks, key=lambda text: _halted(each, text, closes)):
            begins, ends = _halted(each, halt, closes)
            yield start, begins
            start = ends
        yield start, _moment(each, hours.close)


def _halted(day: date, halt: str, closes: time) -> tuple[datetime, datetime]:
    """Return a halt of the session of a day; one after the close is on the evening before."""
    begins, ends = halt.split("-")
    on = day - DAY if time.fromisoformat(begins) > closes else day
    return _moment(on, begins), _moment(on, ends)


def _moment(day: date, at: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), CHICAGO)
