"""Tell the plugins when a trading session is over: at 17:00 in Chicago the next one begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from qe_plugins.engine.floor import Floor
from qe_plugins.engine.office import EVER

CHICAGO = ZoneInfo("America/Chicago")
OPENS_AT = 17
NANOSECONDS = 1_000_000_000


def session_end(ts: int) -> datetime:
    """Return the end (17:00 in Chicago) of the session that holds a bar closed at `ts` (UTC ns)."""
    local = datetime.fromtimestamp(ts / NANOSECONDS, UTC).astimezone(CHICAGO)
    end = local.replace(hour=OPENS_AT, minute=0, second=0, microsecond=0)
    return end if local <= end else end + timedelta(days=1)


class SessionClock:
    """Watches bars go by; `wanted` says whether any plugin wants to hear of sessions."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.wanted = floor.observers.wants("session_closed")
        self._end, self._date, self._reviewed, self._last = 0, "", 0, 0

    def tick(self, ts: int) -> None:
        """Take the time of a bar (UTC ns); close the session when the bar belongs to the next."""
        if not self.wanted:
            return
        if ts > self._end:
            self.close(ts)
            end = session_end(ts)
            self._end, self._date = int(end.timestamp()) * NANOSECONDS, f"{end:%Y-%m-%d}"
        self._last = ts

    def close(self, until: int = EVER) -> None:
        """Tell the plugins of the session that was open, if any, with the trades it closed."""
        if self._date:
            self._floor.office.settle(until)
            trades = self._floor.recorder.trades
            told, self._reviewed = trades[self._reviewed :], len(trades)
            self._floor.observers.tell(
                "session_closed", self._last, session=self._date, trades=told
            )
            self._date = ""
