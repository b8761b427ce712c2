"""Splice dated contracts into a continuous series, as known on a day.

For signals and plots only: its prices were never traded, and it is no instrument. It is anchored
at the front month of `as_of`, whose prices are as traded; earlier contracts are adjusted by the
prices of both contracts at each roll. It contains no later roll or bar.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec
import numpy as np
import polars as pl

from qe_plugins.errors import DataError
from qe_plugins.market.roll_calendar import Roll, RollCalendar

LABEL = "for signals and plots only"
PRICES = ("open", "high", "low", "close")
NANO = 1e9


class Adjust(StrEnum):
    """How earlier contracts are adjusted: by price ratio, by price difference, or not."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    NONE = "none"


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one contract; an adjusted price is price x `ratio` + `difference` (points)."""

    contract: str
    start: date
    end: date
    ratio: Decimal = Decimal(1)
    difference: Decimal = Decimal(0)


def segments(calendar: RollCalendar, as_of: date, adjust: Adjust) -> tuple[Segment, ...]:
    """Return the segments of a series as known on a session, oldest first.

    Raises DataError for a day outside the calendar, and where a roll lacks the prices to adjust by.
    """
    seen = calendar.between(calendar.start, as_of)
    found: list[Segment] = []
    end, ratio, difference = as_of, Decimal(1), Decimal(0)
    for roll in reversed(seen.rolls):
        found.append(
            Segment(
                contract=roll.after, start=roll.date, end=end, ratio=ratio, difference=difference
            )
        )
        end = roll.known
        ratio, difference = _adjustment(roll, adjust, ratio, difference)
    found.append(
        Segment(contract=seen.first, start=seen.start, end=end, ratio=ratio, difference=difference)
    )
    return tuple(reversed(found))


def continuous(bars: pl.DataFrame, parts: tuple[Segment, ...]) -> pl.DataFrame:
    """Return the adjusted bars of each segment's contract, one segment after the other.

    `bars` has contract, session, ts, prices in units of 1e-9, and volume. The answer has session,
    ts (UTC nanoseconds of the bar's open), contract, open, high, low, close (points), volume.
    """
    return pl.concat([_segment_bars(bars, one) for one in parts])


def _segment_bars(bars: pl.DataFrame, one: Segment) -> pl.DataFrame:
    name = one.contract.partition(".")[0]
    inside = pl.col("session").is_between(one.start, one.end)
    found = bars.filter((pl.col("contract") == name) & inside)
    moved = [pl.Series(price, _adjusted_prices(found[price], one)) for price in PRICES]
    return found.select("session", "ts", pl.lit(one.contract).alias("contract"), *moved, "volume")


def _adjusted_prices(fixed: pl.Series, one: Segment) -> np.ndarray:
    """Return points. NumPy divides exactly; Polars multiplies by an inexact 1e-9, off the tick."""
    return fixed.to_numpy() / NANO * float(one.ratio) + float(one.difference)


def _adjustment(
    roll: Roll, adjust: Adjust, ratio: Decimal, difference: Decimal
) -> tuple[Decimal, Decimal]:
    if adjust is Adjust.NONE:
        return ratio, difference
    if roll.prices is None:
        raise DataError(
            f"no prices of {roll.before} and {roll.after} on {roll.known} to adjust by.",
            hint="Use --adjust none, or data in which both contracts traded on that day.",
        )
    if adjust is Adjust.RATIO:
        return ratio * roll.prices.after / roll.prices.before, difference
    return ratio, difference + roll.prices.after - roll.prices.before
