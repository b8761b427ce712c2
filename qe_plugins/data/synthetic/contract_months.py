"""Trading days and quarterly contract months of short generated data, in Chicago time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import msgspec
import numpy as np

from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.exchange_zone import CHICAGO

OPEN, MINUTES = time(17), 23 * 60  # 17:00 to 16:00, then an hour of maintenance
DAY = timedelta(days=1)
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
SECOND = 1_000_000_000
DAY_NS = 86_400 * SECOND


class ContractMonth(msgspec.Struct, frozen=True):
    """A contract month; `expiry` is when it stops trading, UTC nanoseconds.

    `leaves` is when positions must be closed if that is earlier (first notice), else 0.
    """

    key: ContractKey
    expiry: int
    leaves: int = 0


def sessions(first: date, count: int) -> tuple[list[date], np.ndarray]:
    """Return `count` trading days from `first` on, and when each opens, UTC nanoseconds.

    A session opens at 17:00 the evening before, so Monday's on Sunday. Days on which New York is
    closed have none; early closes are not modelled.
    """
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < SATURDAY and day not in _holidays(day.year):
            days.append(day)
        day += DAY
    return days, np.array([nanoseconds(day - DAY, OPEN) for day in days])


def months(root: str, first: date, count: int) -> list[ContractMonth]:
    """Return the next `count` quarterly months that expire after `first`."""
    found = [
        ContractMonth(ContractKey(root, year, month), nanoseconds(last, time(8, 30)))
        for year in range(first.year, first.year + count // 4 + 2)
        for month in (3, 6, 9, 12)
        if (last := _nth_weekday(year, month, FRIDAY, 3)) > first
    ]
    return found[:count]


def nanoseconds(day: date, at: time) -> int:
    """Return UTC nanoseconds of a time in Chicago."""
    return int(datetime.combine(day, at, CHICAGO).timestamp()) * SECOND


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + DAY * ((weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _holidays(year: int) -> set[date]:
    """Return the days on which New York's exchanges are closed."""
    floating = [
        _nth_weekday(year, 1, MONDAY, 3),
        _nth_weekday(year, 2, MONDAY, 3),
        _nth_weekday(year, 6, MONDAY, 1) - 7 * DAY,
        _nth_weekday(year, 9, MONDAY, 1),
        _nth_weekday(year, 11, THURSDAY, 4),
        _easter(year) - 2 * DAY,
    ]
    juneteenth = [date(year, 6, 19)] if year >= 2022 else []
    fixed = [*juneteenth, date(year, 7, 4), date(year, 12, 25)]
    return {*floating, *map(_observed, fixed), _new_year(year)}


def _observed(day: date) -> date:
    return day + {SATURDAY: -DAY, SUNDAY: DAY}.get(day.weekday(), 0 * DAY)


def _new_year(year: int) -> date:
    """Return the holiday; for a Saturday there is none on the Friday, which is in another year."""
    day = date(year, 1, 1)
    return day + DAY if day.weekday() == SUNDAY else day


def _easter(year: int) -> date:
    """Return Easter Sunday by the anonymous Gregorian rule (Meeus, Astronomical Algorithms)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    moon = (19 * golden + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)
