"""Call `session_opened` and `session_closed`: sessions begin and end at 17:00 in Chicago."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar, BarAggregation

from qe_plugins.engine.accounting.booking import END_OF_TIME
from qe_plugins.market.exchange_zone import CHICAGO

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext

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
    """Return the date of the session of a daily bar, by its closing time (UTC ns).

    Such a bar covers one day in UTC; Sunday's trading belongs to Monday's session.
    """
    day = datetime.fromtimestamp((ts - 1) // NANOSECONDS, UTC).date()
    moves = {SATURDAY: -1, SUNDAY: 1}
    return day + timedelta(days=moves.get(day.weekday(), 0))


def evening(ts: int) -> datetime:
    """Return the first 17:00 in Chicago after `ts` (UTC ns) that comes before a weekday."""
    opening = session_end(ts + NANOSECONDS)
    while opening.weekday() in (FRIDAY, SATURDAY):
        opening += timedelta(days=1)
    return opening


class SessionOpenTimer:
    """Calls `session_opened` as the run begins, and at 17:00 in Chicago before every weekday."""

    def __init__(self, context: RunContext, clock: Any) -> None:
        self._run_context, self._clock = context, clock
        self._session_opened = context.plugins.caller("session_opened")

    def start(self) -> None:
        """Call the hook for the session that the run begins in; set the alert for the next."""
        if self._session_opened is not None:
            now = self._clock.timestamp_ns()
            self._call_hook(session_end(now), now)

    def _on_alert(self, event: Any) -> None:
        self._call_hook(session_end(event.ts_event + NANOSECONDS), event.ts_event)

    def _call_hook(self, ends: datetime, ts: int) -> None:
        assert self._session_opened is not None
        context, session = self._run_context, f"{ends:%Y-%m-%d}"
        arguments = {
            "session": session,
            "account": context.account,
            "cache": context.cache_view,
            "portfolio": context.portfolio,
        }
        for answer in self._session_opened.call_quietly(arguments):
            if answer.error is not None:
                context.recorder.failure(answer.plugin, "session_opened", answer.error, ts)
        opening = int(evening(ts).timestamp()) * NANOSECONDS
        self._clock.set_time_alert_ns(f"SESSION-{opening}", opening, self._on_alert)


def _session_of(bar: Bar) -> tuple[int, str]:
    """Return the end (UTC ns) and the date of the session that a bar belongs to."""
    if bar.bar_type.spec.aggregation in DAILY:
        return bar.ts_event, f"{trading_day(bar.ts_event)}"
    end = session_end(bar.ts_event)
    return int(end.timestamp()) * NANOSECONDS, f"{end:%Y-%m-%d}"


class SessionCloseDetector:
    """Calls `session_closed` at the first bar of another session, if any plugin implements it."""

    def __init__(self, context: RunContext) -> None:
        self._run_context = context
        self.active = context.observers.wants("session_closed")
        self._end, self._date, self._last_ts = 0, "", 0

    def on_bar(self, bar: Bar) -> None:
        """Close the session that is open when a bar belongs to the next."""
        if not self.active:
            return
        ts = bar.ts_event
        if ts > self._end:
            end, date_ = _session_of(bar)
            if date_ != self._date:
                self.close(ts)
            self._end, self._date = end, date_
        self._last_ts = ts

    def close(self, until: int = END_OF_TIME) -> None:
        """Notify plugins of the end of the open session, if any, with the trades closed in it."""
        if self._date:
            self._run_context.trade_booker.book_until(until)
            new_trades = self._run_context.recorder.session_trades()
            self._run_context.observers.notify(
                "session_closed", self._last_ts, session=self._date, trades=new_trades
            )
            self._date = ""
