"""Exchange time: sessions and hours of the day in Chicago."""

from __future__ import annotations

import polars as pl

from qe_plugins.market.exchange_zone import CHICAGO, UNTIL_MIDNIGHT

ZONE = CHICAGO.key
SATURDAY, SUNDAY = 6, 7  # ISO weekdays


def wall(column: str) -> pl.Expr:
    """Return a UTC column as Chicago wall time, without a zone."""
    return pl.col(column).dt.convert_time_zone(ZONE).dt.replace_time_zone(None)


def millis(column: str = "ts") -> pl.Expr:
    """Return Chicago wall time in milliseconds, the unit of a chart's time axis."""
    return wall(column).dt.epoch("ms")


def session(column: str) -> pl.Expr:
    """Return the date of the trading session; from 17:00 on it is the next day."""
    return (wall(column) + UNTIL_MIDNIGHT).dt.date()


def day(column: str) -> pl.Expr:
    """Return the session date of a bar of a day or longer, from its closing time.

    Such a bar covers a UTC day: Friday's closes at midnight, two hours after the market. Sunday's
    trading belongs to Monday's session.
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
    """Return the hour of the day of each moment; 10:00:00 exactly still belongs to hour 9."""
    return (wall(column) - pl.duration(nanoseconds=1)).dt.hour()
