"""Rules that one contract's bars and prices must satisfy, independent of their source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

NANO = 1_000_000_000
SHOWN = "datetime64[s]"
PRICES = ("open", "high", "low", "close")

type Column = np.ndarray[Any, np.dtype[Any]]


def wrong_bars(prices: Mapping[str, Column], stamps: Column, tick: int | None) -> Iterator[str]:
    """Yield a message for each kind of fault, with a count and the time of the first.

    `prices` and `tick` are in 1e-9 points, `stamps` are UTC nanoseconds in the order of the source.
    """
    opens, highs, lows, closes = (prices[name] for name in PRICES)
    yield from _fault("high below low", highs < lows, stamps, "bar")
    outside = (highs >= lows) & (
        (np.minimum(opens, closes) < lows) | (np.maximum(opens, closes) > highs)
    )
    yield from _fault("open or close outside of high and low", outside, stamps, "bar")
    yield from off_the_tick([prices[name] for name in PRICES], stamps, tick, "bar")
    yield from in_time(stamps, "bar")
    yield from _duplicates(stamps)


def off_the_tick(
    prices: list[Column], stamps: Column, tick: int | None, what: str
) -> Iterator[str]:
    """Yield how many records have a price between two ticks; nothing where `tick` is unknown."""
    if not tick or not prices:
        return
    off = np.zeros(len(stamps), dtype=np.bool_)
    for column in prices:
        off |= column % tick != 0
    yield from _fault(f"price off the tick of {tick / NANO:g}", off, stamps, what)


def in_time(stamps: Column, what: str) -> Iterator[str]:
    """Yield how many records are earlier than the one before them."""
    back = np.diff(stamps.astype(np.int64)) < 0
    if back.any():
        first = moment(stamps[1:][back][0])
        yield f"{_counted(back, what)} earlier than the one before, first {first}"


def out_of_range(stamps: Column, start: int, end: int | None) -> Iterator[str]:
    """Yield what is wrong with times that must lie in start <= time < end, UTC nanoseconds."""
    late = stamps >= np.uint64(end) if end is not None else np.zeros(len(stamps), dtype=np.bool_)
    outside = (stamps < np.uint64(start)) | late
    if outside.any():
        first = moment(stamps[outside][0])
        yield f"{_counted(outside, 'row')} outside of its days, first {first}"


def moment(stamp: Any) -> str:
    """Return UTC nanoseconds as text to the second: `2013-10-06T22:01:00Z`."""
    return f"{np.datetime64(int(stamp), 'ns').astype(SHOWN)}Z"


def _duplicates(stamps: Column) -> Iterator[str]:
    ordered = np.sort(stamps.astype(np.int64))
    again = np.diff(ordered) == 0
    if again.any():
        yield f"{_counted(again, 'duplicate')}: two bars at {moment(ordered[1:][again][0])}"


def _fault(what: str, wrong: Column, stamps: Column, kind: str) -> Iterator[str]:
    if wrong.any():
        yield f"{_counted(wrong, kind)} with {what}, first {moment(stamps[wrong][0])}"


def _counted(wrong: Column, kind: str) -> str:
    count = int(wrong.sum())
    return f"{count:,} {kind}{'s' * (count != 1)}"
