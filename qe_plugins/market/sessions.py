"""Trading sessions of a root by date, with halts and early closes.

The date of a session is the day of its close; it opens on the evening before. Hours come from a
calendar of pandas_market_calendars, corrected by `configs/markets.yaml`. All times are UTC.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

import msgspec

from qe_plugins.errors import DataError
from qe_plugins.market import holidays
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import first_notice, position_day
from qe_plugins.market.specs import SpecFamily, SpecialDay, latest, market, markets

FIRST, LAST = date(2009, 12, 1), date(2035, 12, 31)
CALENDAR_CLOSE = time(16)  # close of a regular day in all of the calendars, Chicago time
DAY = timedelta(days=1)
MARGIN = 45 * DAY  # so that the sessions before and after a requested one are known

type Moment = datetime | int
"""An aware time, or UTC nanoseconds. A bar stamped at its close ends at that moment."""


class Break(msgspec.Struct, frozen=True):
    """A halt inside a session: nothing trades from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


class Session(msgspec.Struct, frozen=True):
    """One session. It trades from `open` until `close`, exclusive, except in its breaks.

    `early` says that it closes before the usual time, `reason` why, if known.
    """

    date: date
    open: datetime
    close: datetime
    breaks: tuple[Break, ...] = ()
    early: bool = False
    reason: str | None = None

    def trades_at(self, moment: Moment) -> bool:
        """Say whether the session trades at a moment."""
        at = _utc(moment)
        inside = self.open <= at < self.close
        return inside and not any(halt.start <= at < halt.end for halt in self.breaks)

    def next_stop(self, moment: Moment) -> datetime:
        """Return the next halt or the close after a moment inside the session."""
        at = _utc(moment)
        return min([halt.start for halt in self.breaks if halt.start > at] + [self.close])


def sessions(root: str, start: date, end: date) -> list[Session]:
    """Return a root's sessions from one date to another, both inclusive."""
    table = _table_of(root, start, end)
    return table.sessions[bisect_left(table.dates, start) : bisect_right(table.dates, end)]


def session_on(root: str, day: date) -> Session | None:
    """Return the session of a date; None on a weekend or a holiday."""
    return next(iter(sessions(root, day, day)), None)


def session_at(root: str, moment: Moment) -> Session | None:
    """Return the session that contains a moment, halts included; None between sessions."""
    coming = next_session(root, moment)
    return coming if coming.open <= _utc(moment) else None


def next_session(root: str, moment: Moment) -> Session:
    """Return the session that contains a moment or, between sessions, the next one.

    Its date is the moment's trading day.
    """
    at = _utc(moment)
    table = _table_of(root, at.date(), at.date())
    return table.sessions[bisect_right(table.closes, at)]


def shifted(root: str, day: date, by: int) -> date:
    """Return the date `by` sessions after a date, before it where negative.

    A date without a session counts as lying before the next one.
    """
    table = _table_of(root, day, day)
    return table.dates[bisect_left(table.dates, day) + by]


def is_open(root: str, moment: Moment) -> bool:
    """Say whether a root trades at a moment."""
    return next_session(root, moment).trades_at(moment)


def minutes_to_break(root: str, moment: Moment) -> float | None:
    """Return the minutes until the next halt or the close; None while the market is closed."""
    session = next_session(root, moment)
    if not session.trades_at(moment):
        return None
    return (session.next_stop(moment) - _utc(moment)).total_seconds() / 60


class _Table(msgspec.Struct, frozen=True):
    sessions: list[Session]
    dates: list[date]
    closes: list[datetime]


def _table_of(root: str, start: date, end: date) -> _Table:
    if start < FIRST + MARGIN or end > LAST - MARGIN:
        raise DataError(
            f"no sessions of {start} to {end}.",
            where=root,
            hint=f"They are known from {FIRST + MARGIN} to {LAST - MARGIN}.",
        )
    return _load_table(market(root).sessions, os.getcwd())


@lru_cache(maxsize=8)
def _load_table(name: str, _folder: str) -> _Table:
    terms = markets().sessions[name]
    listed = holidays.closes(terms.calendar, FIRST, LAST)
    closes = {d: at for d, at in listed.items() if not _is_closed(terms, d)}
    found = [_build_session(terms, d, at, closes) for d, at in closes.items()]
    return _Table(found, [one.date for one in found], [one.close for one in found])


def _is_closed(terms: SpecFamily, day: date) -> bool:
    known = terms.days.get(day.isoformat())
    return known is not None and known.closed


def _build_session(terms: SpecFamily, day: date, listed: time, closes: dict[date, time]) -> Session:
    hours = latest(terms.hours, day, lambda one: one.since)
    corrected = terms.days.get(day.isoformat())
    usual = time.fromisoformat(hours.close)
    close = _session_close(corrected, _corrected_close(terms, day, listed), usual)
    before = closes.get(day - DAY)
    opens = hours.open if before == CALENDAR_CLOSE else hours.after_closed or hours.open
    opens = corrected.open if corrected and corrected.open else opens
    open_, close_ = _chicago_time(day - DAY, time.fromisoformat(opens)), _chicago_time(day, close)
    halts = (_parse_break(text, day, usual) for text in hours.breaks)
    early = close < usual
    return Session(
        date=day,
        open=open_,
        close=close_,
        breaks=tuple(one for one in halts if open_ < one.start and one.end < close_),
        early=early,
        reason=corrected.reason if corrected else ("holiday hours" if early else None),
    )


def _corrected_close(terms: SpecFamily, day: date, listed: time) -> time:
    """Return the close that the calendar lists, or its correction for those years."""
    for one in terms.early:
        if one.since <= day < one.until and listed == time.fromisoformat(one.listed):
            return time.fromisoformat(one.close)
    return listed


def _session_close(corrected: SpecialDay | None, listed: time, usual: time) -> time:
    if corrected and corrected.close:
        return time.fromisoformat(corrected.close)
    return usual if listed == CALENDAR_CLOSE else min(listed, usual)


def _parse_break(text: str, day: date, close: time) -> Break:
    """Return a halt; one that starts after the close is on the evening before."""
    start, end = (time.fromisoformat(part) for part in text.split("-"))
    on = day - DAY if start > close else day
    return Break(_chicago_time(on, start), _chicago_time(on, end))


def _chicago_time(day: date, chicago: time) -> datetime:
    return datetime.combine(day, chicago, CHICAGO).astimezone(UTC)


def _utc(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.fromtimestamp(moment // 1_000_000_000, UTC)


SECOND = 1_000_000_000


def closed_until(root: str, ts: int) -> datetime | None:
    """Return when, in Chicago, a market that is closed at `ts` (UTC ns) opens; None while open.

    An unknown root, or a time outside the known sessions, counts as open.
    """
    found = trading_window(root, ts)
    return datetime.fromtimestamp(found[0] // SECOND, CHICAGO) if found and ts < found[0] else None


def trading_window(root: str, ts: int) -> tuple[int, int] | None:
    """Return start and end of the trading window that contains `ts`, or else of the next one.

    All are UTC nanoseconds; a halt ends a window. None for a root that `configs/markets.yaml` does
    not have, and for a time outside the known sessions.
    """
    if root not in markets().roots:
        return None
    try:
        session = next_session(root, ts)
    except DataError:
        return None
    halts = (edge for halt in session.breaks for edge in (halt.start, halt.end))
    edges = [int(edge.timestamp()) * SECOND for edge in (session.open, *halts, session.close)]
    spans = list(pairwise(edges))[::2]
    return next(span for span in spans if ts < span[1])


def open_time(root: str, since: int, until: int) -> int:
    """Return for how many nanoseconds a root trades between two times (UTC nanoseconds).

    An unknown root, and a time outside the known sessions, counts as open.
    """
    total, ts = 0, since
    while ts < until:
        opens, closes = trading_window(root, ts) or (ts, until)
        total += max(min(closes, until) - max(opens, ts), 0)
        ts = closes
    return total


def delivery(symbol: str, expires: int) -> tuple[int, date] | None:
    """Return when positions must be closed to avoid delivery (UTC ns), and the first notice day.

    That is the close of the business day before first notice. None for contracts that expire before
    it (`expires` is UTC ns), are cash-settled, or have an unknown root.
    """
    key = dated_key(symbol, datetime.fromtimestamp(expires // SECOND, CHICAGO).date())
    if key is None or key.root not in markets().roots:
        return None
    if (notice := first_notice(key)) is None:
        return None
    session = session_on(key.root, position_day(notice))
    closes = int(session.close.timestamp()) * SECOND if session else expires
    return (closes, notice) if closes < expires else None
