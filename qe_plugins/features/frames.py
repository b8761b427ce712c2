"""Bars of longer timeframes from shorter ones, known from their close and no earlier.

A bar counts in the frame that ends at or after its close. Minutes and hours end on the clock in
UTC, a day is the exchange's session.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.sessions import FIRST, LAST, MARGIN, sessions
from qe_plugins.market.specs import markets

MINUTE = 60_000_000_000
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
DAY = "1d"
SECOND = 1_000_000_000
SESSION_ENDS = 17


class FrameBuilder:
    """Builds the bars of one timeframe of one contract, from bars in chunks of any size."""

    def __init__(self, timeframe: str, root: str, bar_type: str) -> None:
        self._timeframe, self._root, self._bar_type = timeframe, root, bar_type
        self._rest = _empty()
        self._rest_end = 0
        self._last_close = float("nan")
        self.opens = self.before = np.zeros(0)
        """For each bar added last: the first price of its frame, and the close of that before."""

    def extend(self, bars: Bars) -> tuple[Bars, np.ndarray]:
        """Add bars; return the frames they complete, and how many of these each bar knows."""
        if not len(bars):
            return self._bars([], _empty()), np.zeros(0, np.int64)
        ends = frame_ends(self._timeframe, self._root, bars.ts_event)
        had = len(self._rest["open"])
        columns = {n: np.concatenate([self._rest[n], bars.columns[n]]) for n in NUMBERS}
        all_ends = np.concatenate([np.full(had, self._rest_end, np.int64), ends])
        starts = np.flatnonzero(np.concatenate([[True], all_ends[1:] != all_ends[:-1]]))
        group = np.cumsum(np.concatenate([[0], all_ends[1:] != all_ends[:-1]]))[had:]
        built = _grouped(columns, starts)
        closes = np.concatenate([[self._last_close], built["close"]])
        self.opens, self.before = built["open"][group], closes[group]
        complete = len(starts) - int(bars.ts_event[-1] != ends[-1])
        self._last_close = float(closes[complete])
        self._rest = {n: built[n][complete:] for n in NUMBERS}
        self._rest_end = int(ends[-1])
        closed = self._bars(all_ends[starts[:complete]], {n: built[n][:complete] for n in NUMBERS})
        return closed, group + (bars.ts_event == ends)

    def finish(self, until: int) -> Bars:
        """Return the frame that is not complete yet if it ends before `until` (UTC ns), else none.

        For frames that other contracts' bars end.
        """
        if not len(self._rest["open"]) or self._rest_end >= until:
            return self._bars([], _empty())
        closed = self._bars([self._rest_end], self._rest)
        self._last_close = float(self._rest["close"][0])
        self._rest = _empty()
        return closed

    def _bars(self, ends: object, columns: dict[str, np.ndarray]) -> Bars:
        stamps = np.asarray(ends, np.int64)
        return Bars(self._bar_type, {"ts_event": stamps, "ts_init": stamps, **columns})


def joined(parts: Sequence[Bars]) -> Bars:
    """Return consecutive bars of one type as one; there is at least one part."""
    names = parts[0].columns
    columns = {name: np.concatenate([one.columns[name] for one in parts]) for name in names}
    return Bars(parts[0].bar_type, columns)


def frame_ends(timeframe: str, root: str, ts: np.ndarray) -> np.ndarray:
    """Return the end of the frame of each bar, by its close; both UTC nanoseconds."""
    if timeframe == DAY:
        closes = session_closes(root)
        found: np.ndarray = closes[np.searchsorted(closes, ts, "left")]
        return found
    span = MINUTES[timeframe] * MINUTE
    ends: np.ndarray = ((ts - 1) // span + 1) * span
    return ends


@lru_cache(maxsize=16)
def session_closes(root: str) -> np.ndarray:
    """Return when the sessions of a root close (UTC ns).

    For a root without a calendar that is 17:00 in Chicago on every weekday.
    """
    if root in markets().roots:
        return session_edges(root)[1]
    day, found = datetime(2000, 1, 3, SESSION_ENDS, tzinfo=CHICAGO), []
    while day.year < LAST.year:
        if day.weekday() < 5:
            found.append(int(day.astimezone(UTC).timestamp()) * SECOND)
        day += timedelta(days=1)
    return np.array(found, np.int64)


@lru_cache(maxsize=16)
def session_edges(root: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return opens and closes of a root's sessions, and all stops: halts and closes (UTC ns)."""
    known = sessions(root, FIRST + MARGIN, LAST - MARGIN)
    opens = [int(one.open.timestamp()) * SECOND for one in known]
    closes = [int(one.close.timestamp()) * SECOND for one in known]
    halts = [int(halt.start.timestamp()) * SECOND for one in known for halt in one.breaks]
    return (
        np.array(opens, np.int64),
        np.array(closes, np.int64),
        np.array(sorted([*halts, *closes]), np.int64),
    )


def _empty() -> dict[str, np.ndarray]:
    return {name: np.zeros(0, np.float64) for name in NUMBERS}


def _grouped(columns: dict[str, np.ndarray], starts: np.ndarray) -> dict[str, np.ndarray]:
    last = np.concatenate([starts[1:], [len(columns["open"])]]) - 1
    return {
        "open": columns["open"][starts],
        "high": np.maximum.reduceat(columns["high"], starts),
        "low": np.minimum.reduceat(columns["low"], starts),
        "close": columns["close"][last],
        "volume": np.add.reduceat(columns["volume"], starts),
    }
