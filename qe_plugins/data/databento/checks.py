"""What must hold of one contract's bars in one file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qe_plugins.data.databento.bars import PRICES, Records

NANO = 1_000_000_000
SHOWN = "datetime64[s]"


def wrong_bars(records: Records, tick: int | None) -> Iterator[str]:
    """Yield what is wrong, in words with a count and the first time. `tick` is in 1e-9 points."""
    opens, highs, lows, closes = (records[name] for name in PRICES)
    yield from _said("high below low", highs < lows, records)
    outside = (highs >= lows) & (
        (np.minimum(opens, closes) < lows) | (np.maximum(opens, closes) > highs)
    )
    yield from _said("open or close outside of high and low", outside, records)
    if tick:
        off = np.zeros(len(records), dtype=np.bool_)
        for name in PRICES:
            off |= records[name] % tick != 0
        yield from _said(f"price off the tick of {tick / NANO:g}", off, records)
    yield from _order(records)


def out_of_range(stamps: np.ndarray, start: int, end: int | None) -> Iterator[str]:
    """Yield what is wrong with times that must lie in start <= time < end, UTC nanoseconds."""
    late = stamps >= np.uint64(end) if end is not None else np.zeros(len(stamps), dtype=np.bool_)
    outside = (stamps < np.uint64(start)) | late
    if outside.any():
        yield f"{int(outside.sum()):,} rows outside of its days, first {_time(stamps[outside][0])}"


def _order(records: Records) -> Iterator[str]:
    stamps = records["ts_event"].astype(np.int64)
    steps = np.diff(stamps)
    if (steps < 0).any():
        first = _time(stamps[1:][steps < 0][0])
        yield f"{int((steps < 0).sum()):,} bars earlier than the one before, first {first}"
    ordered = np.sort(stamps)
    twice = ordered[1:][np.diff(ordered) == 0]
    if len(twice):
        yield f"{len(twice):,} duplicates, first {_time(twice[0])}"


def _said(what: str, wrong: np.ndarray, records: Records) -> Iterator[str]:
    if wrong.any():
        first = _time(records["ts_event"][wrong][0])
        yield f"{int(wrong.sum()):,} bars with {what}, first {first}"


def _time(stamp: np.integer) -> str:
    return f"{np.datetime64(int(stamp), 'ns').astype(SHOWN)}Z"
