"""The exchange calendars that the package ships, so that no process has to import pandas for them.

They are those of one version of pandas_market_calendars, as what differs from the same close on
each weekday. `python -m qe_plugins.market.shipped_calendars` writes them again.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from qe_plugins.market.exchange_zone import CHICAGO

FILE = Path(__file__).with_name("calendars.json")
FIRST, LAST = date(2009, 1, 1), date(2037, 12, 31)
NAMES = ("CME Globex Equity", "CMEGlobex_CL", "CME Globex Fixed Income", "NYSE")
DAY = timedelta(days=1)


class ShippedCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """The usual close in Chicago, and what differs from it on weekdays from `FIRST` to `LAST`."""

    usual: time
    closed: list[date]
    closes: dict[date, time]


class ShippedCalendars(msgspec.Struct, frozen=True, kw_only=True):
    """Calendars by name, and the version of pandas_market_calendars that they are of."""

    version: str
    calendars: dict[str, ShippedCalendar]


def closes(name: str, first: date, last: date) -> dict[date, time] | None:
    """Return the close of each day of a calendar, Chicago time, both ends inclusive.

    None for a calendar, a time or an installed version that the shipped ones are not of.
    """
    calendar = _shipped().calendars.get(name)
    if calendar is None or not is_installed() or first < FIRST or last > LAST:
        return None
    return {day: at for day, at in _closes(calendar).items() if first <= day <= last}


def is_installed() -> bool:
    """Return whether the installed pandas_market_calendars is the version of the shipped ones."""
    return _shipped().version == library_version()


def library_version() -> str:
    """Return the installed version of pandas_market_calendars."""
    return version("pandas-market-calendars")


def computed(name: str, first: date, last: date) -> dict[date, time]:
    """Return `closes` as pandas_market_calendars has them; importing it takes seconds."""
    from pandas_market_calendars import get_calendar

    schedule = get_calendar(name).schedule(first, last)
    return {at.date(): at.time() for at in schedule["market_close"].dt.tz_convert(CHICAGO)}


def _closes(calendar: ShippedCalendar) -> dict[date, time]:
    usual = dict.fromkeys(_weekdays(), calendar.usual) | calendar.closes
    for day in calendar.closed:
        del usual[day]
    return usual


def _weekdays() -> list[date]:
    days = (FIRST + at * DAY for at in range((LAST - FIRST).days + 1))
    return [day for day in days if day.weekday() < 5]


@lru_cache(maxsize=1)
def _shipped() -> ShippedCalendars:
    return msgspec.json.decode(FILE.read_bytes(), type=ShippedCalendars)


def _write() -> None:
    calendars = {}
    for name in NAMES:
        found, days = computed(name, FIRST, LAST), _weekdays()
        [(usual, _)] = Counter(found.values()).most_common(1)
        calendars[name] = made = ShippedCalendar(
            usual=usual,
            closed=[day for day in days if day not in found],
            closes={day: at for day, at in found.items() if at != usual},
        )
        if _closes(made) != found:
            raise ValueError(f"{name} has sessions on weekends, which are not written")
    shipped = ShippedCalendars(version=library_version(), calendars=calendars)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(shipped), indent=1) + b"\n")


if __name__ == "__main__":
    _write()
