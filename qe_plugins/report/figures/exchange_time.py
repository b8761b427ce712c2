"""The exchange's clock: futures sessions and trading hours are read in Chicago time."""

from __future__ import annotations

import polars as pl

ZONE = "America/Chicago"
SATURDAY, SUNDAY = 6, 7  # as ISO counts the days of a week
UNTIL_MIDNIGHT = pl.duration(hours=7)
"""From the evening open at 17:00 to the midnight at which the session's date begins."""


def wall(column: str) -> pl.Expr:
    """Return a UTC column as Chicago wall time, without a zone."""
    return pl.col(column).dt.convert_time_zone(ZONE).dt.replace_time_zone(None)


def session(column: str) -> pl.Expr:
    """Return the date of the trading session: from 17:00 on, the next day's."""
    return (wall(column) + UNTIL_MIDNIGHT).dt.date()


def day(column: str) -> pl.Expr:
    """Return the date of the session that a bar of a day or longer closes, by its closing time.

    Such a bar covers a day of UTC: Friday's closes at Saturday's midnight, two hours after the
    market. What traded on a Sunday is Monday's session.
    """
    last = (pl.col(column) - pl.duration(nanoseconds=1)).dt.date()
    weekday = last.dt.weekday()
    return (
        pl.when(weekday == SATURDAY)
        .then(last.dt.offset_by("-1d"))
        .when(weekday == SUNDAY)
        .then(last.dt.offset_by("1d"))
        .otherwise(last)
    )


def hour(column: str) -> pl.Expr:
    """Return the hour of day that ends at or holds each moment: 10:00:00 sharp closes hour 9."""
    return (wall(column) - pl.duration(nanoseconds=1)).dt.hour()
