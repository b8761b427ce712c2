"""Compare a run's data with the exchange's sessions: sessions and minutes present and missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np
import pyarrow.parquet as pq
from nautilus_trader.model import FuturesContract

from qe_plugins.data.catalog.catalog import CatalogSeries, RecordKind
from qe_plugins.data.catalog.row_groups import times
from qe_plugins.data.checks.session_coverage import DAY_NS, EPOCH, MINUTE_NS, Stamps, spans, trading
from qe_plugins.errors import DataError
from qe_plugins.market.sessions import Session, sessions
from qe_plugins.market.specs import markets

CLOSED = "ts_event"
RUNS = 12  # spans of missing sessions that are shown
FAR = 2**62  # later than any end that a user can set


class PresentData(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the sessions `first` to `last` the data of a root covers, by any contract.

    `minutes` are the trading minutes of all `sessions`, `minutes_with_data` those in which a bar
    closed, or a quote or trade arrived; both are None for bars longer than a minute.
    """

    root: str
    first: date
    last: date
    sessions: int
    sessions_with_data: int
    missing: list[date]
    minutes: int | None
    minutes_with_data: int | None

    @property
    def whole(self) -> bool:
        """Say whether every session has data."""
        return self.sessions_with_data == self.sessions

    def __str__(self) -> str:
        text = f"{self.root}: data for {self.sessions_with_data} of {self.sessions} sessions"
        if self.minutes:
            missing = self.minutes - (self.minutes_with_data or 0)
            text += f", {missing:,} of {self.minutes:,} trading minutes without a bar"
        return text

    @property
    def missing_in_words(self) -> str:
        """Return the missing sessions as spans, the first of them; empty where none is missing."""
        named = spans(self.missing).split(", ") if self.missing else []
        more = f" and {len(named) - RUNS} more spans" if len(named) > RUNS else ""
        return f"{', '.join(named[:RUNS])}{more}"


def present(
    series: Iterable[CatalogSeries], contracts: Mapping[str, FuturesContract], start: int, end: int
) -> list[PresentData]:
    """Return the coverage of each root that has a calendar, from `start` until `end` (UTC ns).

    Sessions count between the bounds while one of the contracts is listed; without a bound, from
    the first record or to the last.
    """
    by_root: dict[str, list[CatalogSeries]] = defaultdict(list)
    for one in series:
        by_root[contracts[one.contract].underlying].append(one)
    found = []
    for root, some in sorted(by_root.items()):
        bars = [one for one in some if one.kind is RecordKind.BARS]
        listed = [contracts[one.contract] for one in some]
        if one_root := _present_of_root(root, bars or some, listed, start, end):
            found.append(one_root)
    return found


def _present_of_root(
    root: str,
    series: Sequence[CatalogSeries],
    listed: Sequence[FuturesContract],
    start: int,
    end: int,
) -> PresentData | None:
    step = _bar_length(series)
    stamps = _read_stamps(series, start, end) - (step // 2 if step >= DAY_NS else 0)
    if root not in markets().roots or not stamps.size:
        return None
    begins = max(start, min(one.activation_ns for one in listed)) if start else int(stamps[0])
    ends = min(end, max(one.expiration_ns for one in listed)) if end < FAR else int(stamps[-1])
    own = int(stamps[0]), int(stamps[-1])
    first, last = min(begins, own[0]), max(ends, own[1])
    known: list[Session] = []
    for span in ((first, last), own):
        try:
            known = _sessions_touched(root, *span)
        except DataError:  # the calendar does not reach so far
            continue
        first, last = span
        break
    if not known:
        return None
    if step >= DAY_NS:
        days = {EPOCH + timedelta(days=int(day)) for day in np.unique(stamps // DAY_NS)}
        missing = [one.date for one in known if one.date not in days]
        minutes, present_minutes = None, None
    else:
        missing, whole, with_data = _count_minutes(known, stamps, first, last)
        minutes, present_minutes = (whole, with_data) if step <= MINUTE_NS else (None, None)
    return PresentData(
        root=root,
        first=known[0].date,
        last=known[-1].date,
        sessions=len(known),
        sessions_with_data=len(known) - len(missing),
        missing=missing,
        minutes=minutes,
        minutes_with_data=present_minutes,
    )


def _sessions_touched(root: str, first: int, last: int) -> list[Session]:
    """Return the sessions that a time span touches; a bar closes at the end of its minute."""
    week = timedelta(days=7)
    days = [EPOCH + timedelta(days=one // DAY_NS) for one in (first, last)]
    near = sessions(root, days[0] - week, days[1] + week)
    return [one for one in near if _bounds(one)[0] < last and first <= _bounds(one)[1]]


def _count_minutes(
    known: Sequence[Session], stamps: Stamps, first: int, last: int
) -> tuple[list[date], int, int]:
    """Return sessions without any record, all trading minutes, and those with a record."""
    closed = _distinct(-(-stamps // MINUTE_NS))  # the minute that ends at or after each
    missing, whole, present_minutes = [], 0, 0
    for session in known:
        here, there = 0, 0
        for begin, end in trading(session):
            begin, end = max(begin, first - MINUTE_NS), min(end, last)
            low, high = begin // MINUTE_NS + 1, end // MINUTE_NS
            if low > high:
                continue
            here += high - low + 1
            there += int(np.searchsorted(closed, high, "right") - np.searchsorted(closed, low))
        if not there:
            missing.append(session.date)
        whole, present_minutes = whole + here, present_minutes + there
    return missing, whole, present_minutes


def _read_stamps(series: Iterable[CatalogSeries], start: int, end: int) -> Stamps:
    parts = [part for one in series for part in _stamps_by_group(one, start, end)]
    found = _distinct(np.concatenate(parts)) if parts else np.empty(0, np.int64)
    return found[(found >= start) & (found < end)]


def _distinct(stamps: Stamps) -> Stamps:
    """Return times sorted and without repeats; `np.unique` would hash, 20 times slower."""
    found = np.sort(stamps, kind="stable")
    return found[np.diff(found, prepend=found[:1] - 1) > 0]


def _stamps_by_group(series: CatalogSeries, start: int, end: int) -> Iterator[Stamps]:
    for group in series.groups:
        if group.last >= start and group.first < end:
            with pq.ParquetFile(group.file) as parquet:
                columns = [CLOSED]
                table = parquet.read_row_group(group.index, columns=columns, use_threads=False)
            stamps = times(table, CLOSED)
            yield (
                stamps
                if series.kind is RecordKind.BARS
                else _distinct(stamps // MINUTE_NS) * MINUTE_NS
            )


def _bar_length(series: Sequence[CatalogSeries]) -> int:
    """Return how long a bar is, in nanoseconds; quotes and trades count as less than a minute."""
    if series[0].kind is not RecordKind.BARS:
        return 0
    count, unit = series[0].name.split("-")[-4:-2]
    seconds = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
    return int(count) * seconds.get(unit, 7 * 86_400) * 1_000_000_000


def _bounds(session: Session) -> tuple[int, int]:
    segments = list(trading(session))
    return segments[0][0], segments[-1][1]
