"""Longer bars from minutes: the closing time of each, and its prices and volume."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from qe_plugins.data.catalog.bar_spec import DAY, UNITS
from qe_plugins.market.sessions import Session, sessions
from qe_plugins.market.specs import markets

HOUR = UNITS["HOUR"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARGIN = timedelta(days=10)
type Column = np.ndarray


class TradingSessions(msgspec.Struct, frozen=True):
    """When sessions open and close (UTC ns), in order; empty for a root without a calendar."""

    opens: Column
    closes: Column


class MinuteBars(msgspec.Struct, frozen=True):
    """Bars by column, in order of time: prices in 1e-9 points, `closes_at` in UTC nanoseconds."""

    closes_at: Column
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column


def session_edges(root: str, first: int, last: int) -> TradingSessions:
    """Return the sessions of a root around two times (UTC ns).

    Raises DataError where the calendar does not reach so far.
    """
    if root not in markets().roots:
        return TradingSessions(np.zeros(0, np.int64), np.zeros(0, np.int64))
    found = sessions(root, _day(first) - MARGIN, _day(last) + MARGIN)
    return TradingSessions(*(_times(found, name) for name in ("open", "close")))


def aggregated(minutes: MinuteBars, length: int, edges: TradingSessions) -> MinuteBars:
    """Return bars of `length` nanoseconds, up to a day, from one-minute bars of one contract.

    A bar closes as `closing_times` says. Times without a minute have no bar.
    """
    closes_at = closing_times(minutes.closes_at, length, edges)
    first = np.flatnonzero(np.diff(closes_at, prepend=-1))
    last = np.append(first[1:], closes_at.size) - 1
    return MinuteBars(
        closes_at=closes_at[first],
        open=minutes.open[first],
        high=np.maximum.reduceat(minutes.high, first),
        low=np.minimum.reduceat(minutes.low, first),
        close=minutes.close[last],
        volume=np.add.reduceat(minutes.volume, first),
    )


def closing_times(stamps: Column, length: int, edges: TradingSessions) -> Column:
    """Return when the bar of each minute closes; `stamps` are the minutes' closes, in order.

    A bar of a day closes with its session, early closes included; minutes between two sessions
    belong to the later one. A shorter bar is counted from the full hour of its session's open, and
    closes no later than the session. Without sessions bars are counted from midnight UTC.
    """
    if not edges.opens.size:
        return _grid(stamps, length, 0)
    at = np.searchsorted(edges.closes, stamps)  # the first session that closes at or after
    opens: Column = edges.opens[at]
    closes: Column = edges.closes[at]
    if length == DAY:
        return closes
    ends = np.where(stamps > opens, closes, opens)
    found: Column = np.minimum(_grid(stamps, length, opens // HOUR * HOUR), ends)
    return found


def _grid(stamps: Column, length: int, origin: Column | int) -> Column:
    """Return the next multiple of `length` from `origin` on, at or after each time."""
    grid: Column = origin - (origin - stamps) // length * length
    return grid


def _times(found: list[Session], name: str) -> Column:
    moments = [(getattr(one, name) - EPOCH) // timedelta(seconds=1) for one in found]
    return np.array(moments, np.int64) * UNITS["SECOND"]


def _day(moment: int) -> date:
    return (EPOCH + timedelta(seconds=moment // UNITS["SECOND"])).date()
