"""When the simulated exchange trades: CME's hours with the maintenance break, or always.

CME Globex trades from Sunday 17:00 to Friday 16:00, Chicago time, with a break from 16:00 to 17:00
each day; the regular session is 08:30 to 16:00. Holidays are not simulated.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")

OPEN, CLOSE = 17 * 60, 16 * 60
REGULAR_OPEN, REGULAR_CLOSE = 8 * 60 + 30, 16 * 60
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6


class GatewayHours:
    """The hours of the simulated exchange.

    With `always` the market is open and in its regular session at any time, for tests that run on
    the machine's clock.
    """

    def __init__(self, *, always: bool = False) -> None:
        self.always = always
        self._minute = -1
        self._state = (True, True)

    def is_open(self, now: float) -> bool:
        """Return whether orders can fill at `now`."""
        return self._at(now)[0]

    def is_regular(self, now: float) -> bool:
        """Return whether `now` is in the regular session."""
        return self._at(now)[1]

    def next_open(self, now: float) -> datetime:
        """Return when the market is open next, `now` included, in Chicago time."""
        minute = int(now // 60)
        if not self.is_open(now):
            minute += 1
            while not self._read(minute)[0]:
                minute += 1
        return datetime.fromtimestamp(max(now, minute * 60), CHICAGO)

    def trading_text(self, first: date, days: int = 6) -> str:
        """Return the hours in IB's notation, from the trading day `first` on."""
        return ";".join(_trading_day(first + timedelta(n)) for n in range(days))

    def regular_text(self, first: date, days: int = 6) -> str:
        """Return the regular session in IB's notation, from the trading day `first` on."""
        return ";".join(_regular_day(first + timedelta(n)) for n in range(days))

    def _at(self, now: float) -> tuple[bool, bool]:
        if self.always:
            return True, True
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._state = minute, self._read(minute)
        return self._state

    def _read(self, minute: int) -> tuple[bool, bool]:
        local = datetime.fromtimestamp(minute * 60, CHICAGO)
        day, at = local.weekday(), local.hour * 60 + local.minute
        if day == SATURDAY:
            return False, False
        if day == SUNDAY:
            return at >= OPEN, False
        is_open = at < CLOSE or (at >= OPEN and day != FRIDAY)
        return is_open, REGULAR_OPEN <= at < REGULAR_CLOSE


def trading_date(now: float) -> date:
    """Return the date of the session that `now` belongs to: it begins at 17:00 in Chicago."""
    return (datetime.fromtimestamp(now, CHICAGO) + timedelta(hours=7)).date()


def _trading_day(day: date) -> str:
    if day.weekday() in (SATURDAY, SUNDAY):
        return f"{day:%Y%m%d}:CLOSED"
    return f"{day - timedelta(1):%Y%m%d}:1700-{day:%Y%m%d}:1600"


def _regular_day(day: date) -> str:
    if day.weekday() in (SATURDAY, SUNDAY):
        return f"{day:%Y%m%d}:CLOSED"
    return f"{day:%Y%m%d}:0830-{day:%Y%m%d}:1600"
