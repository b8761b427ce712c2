"""Tell the plugins when a session is over and the next begins: at 17:00 in Chicago."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from nautilus_trader.model import Bar, BarAggregation

from qe_plugins.engine.accounting.booking import END_OF_TIME

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext

CHICAGO = ZoneInfo("America/Chicago")
OPENS_AT = 17
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
DAILY = (BarAggregation.DAY, BarAggregation.WEEK, BarAggregation.MONTH, BarAggregation.YEAR)
NANOSECONDS = 1_000_000_000


def session_end(ts: int) -> datetime:
    """Return the end (17:00 in Chicago) of the session that holds a bar closed at `ts` (UTC ns)."""
    local = datetime.fromtimestamp(ts / NANOSECONDS, UTC).astimezone(CHICAGO)
    end = local.replace(hour=OPENS_AT, minute=0, second=0, microsecond=0)
    return end if local <= end else end + timedelta(days=1)


def trading_day(ts: int) -> date:
    """Return the date of the session that a bar of a day closes, by its closing time (UTC ns).

    Such a bar is of a day of UTC; what traded on a Sunday is Monday's session.
    """
    day = datetime.fromtimestamp((ts - 1) // NANOSECONDS, UTC).date()
    moves = {SATURDAY: -1, SUNDAY: 1}
    return day + timedelta(days=moves.get(day.weekday(), 0))


def evening(ts: int) -> datetime:
    """Return the first 17:00 in Chicago after `ts` (UTC ns) that comes before a weekday."""
    bell = session_end(ts + NANOSECONDS)
    while bell.weekday() in (FRIDAY, SATURDAY):
        bell += timedelta(days=1)
    return bell


class SessionOpenTimer:
    """Asks `session_opened` as the run begins, and at every evening's 17:00."""

    def __init__(self, floor: RunContext, clock: Any) -> None:
        self._floor, self._clock = floor, clock
        self._ask = floor.plugins.caller("session_opened")

    def start(self) -> None:
        """Tell of the session that the run begins in, and set the alert for the next one."""
        if self._ask is not None:
            now = self._clock.timestamp_ns()
            self._tell(session_end(now), now)

    def _ring(self, event: Any) -> None:
        self._tell(session_end(event.ts_event + NANOSECONDS), event.ts_event)

    def _tell(self, ends: datetime, ts: int) -> None:
        assert self._ask is not None
        floor, session = self._floor, f"{ends:%Y-%m-%d}"
        given = {
            "session": session,
            "account": floor.account,
            "cache": floor.cache_view,
            "portfolio": floor.portfolio,
        }
        for answer in self._ask.call_quietly(given):
            if answer.error is not None:
                floor.recorder.failure(answer.plugin, "session_opened", answer.error, ts)
        bell = int(evening(ts).timestamp()) * NANOSECONDS
        self._clock.set_time_alert_ns(f"SESSION-{bell}", bell, self._ring)


def _session_of(bar: Bar) -> tuple[int, str]:
    """Return until when bars belong to the session of a bar (UTC ns), and its date."""
    if bar.bar_type.spec.aggregation in DAILY:
        return bar.ts_event, f"{trading_day(bar.ts_event)}"
    end = session_end(bar.ts_event)
    return int(end.timestamp()) * NANOSECONDS, f"{end:%Y-%m-%d}"


class SessionCloseDetector:
    """Watches bars go by; `wanted` says whether any plugin wants to hear of sessions."""

    def __init__(self, floor: RunContext) -> None:
        self._floor = floor
        self.wanted = floor.observers.wants("session_closed")
        self._end, self._date, self._reviewed, self._last = 0, "", 0, 0

    def tick(self, bar: Bar) -> None:
        """Take a bar; close the session when the bar belongs to the next."""
        if not self.wanted:
            return
        ts = bar.ts_event
        if ts > self._end:
            end, date_ = _session_of(bar)
            if date_ != self._date:
                self.close(ts)
            self._end, self._date = end, date_
        self._last = ts

    def close(self, until: int = END_OF_TIME) -> None:
        """Tell the plugins of the session that was open, if any, with the trades it closed."""
        if self._date:
            self._floor.office.book_until(until)
            trades = self._floor.recorder.trades
            told, self._reviewed = trades[self._reviewed :], len(trades)
            self._floor.observers.tell(
                "session_closed", self._last, session=self._date, trades=told
            )
            self._date = ""
