"""The fake vendor's symbology: accepted pairs of types, and the meaning of a name by day."""

from __future__ import annotations

import datetime as dt
import re

from tests.fakes.databento_server.archive import Archive, Interval, Listing

PAIRS = {
    "raw_symbol": {"instrument_id"},
    "parent": {"instrument_id"},
    "continuous": {"instrument_id"},
    "instrument_id": {"instrument_id", "raw_symbol"},
}
CONTINUOUS = re.compile(r"([A-Z0-9]+)\.([cnv])\.(\d+)")
DAY = dt.timedelta(days=1)


def resolve(
    archive: Archive, symbol: str, stype_in: str, start: dt.date, end: dt.date
) -> list[Interval]:
    """Return what `symbol` meant from `start` until `end`; empty where it meant nothing."""
    if stype_in == "continuous":
        return _continuous(archive, symbol, start, end)
    if stype_in == "parent":
        root, _, kind = symbol.partition(".")
        listings = [one for one in archive.listings if one.root == root and kind == "FUT"]
    elif stype_in == "instrument_id":
        listings = [one for one in archive.listings if str(one.id) == symbol]
    else:
        listings = [one for one in archive.listings if one.raw_symbol == symbol]
    clipped = [
        Interval(symbol, one.id, max(one.first, start), min(one.until, end)) for one in listings
    ]
    return [interval for interval in clipped if interval.first < interval.until]


def _continuous(archive: Archive, symbol: str, start: dt.date, end: dt.date) -> list[Interval]:
    match = CONTINUOUS.fullmatch(symbol)
    if match is None:
        return []
    root, rule, rank = match[1], match[2], int(match[3])
    outrights = [one for one in archive.listings if one.root == root and one.outright]
    intervals: list[Interval] = []
    day = start
    while day < end:
        ranked = _ranking(archive, outrights, rule, day)
        if rank < len(ranked):
            _extend(intervals, symbol, ranked[rank].id, day)
        day += DAY
    return intervals


def _ranking(archive: Archive, outrights: list[Listing], rule: str, day: dt.date) -> list[Listing]:
    listed = sorted(
        (one for one in outrights if one.first <= day < one.until), key=lambda one: one.until
    )
    if rule == "c":
        return listed
    for back in range(1, 6):
        if volume := archive.volume(day - back * DAY):
            return sorted(listed, key=lambda one: -volume.get(one.id, 0))
    return listed


def _extend(intervals: list[Interval], symbol: str, id_: int, day: dt.date) -> None:
    last = intervals[-1] if intervals else None
    if last and last.id == id_ and last.until == day:
        intervals[-1] = Interval(symbol, id_, last.first, day + DAY)
    else:
        intervals.append(Interval(symbol, id_, day, day + DAY))
