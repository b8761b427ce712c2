"""Count the records between two times, and split time into windows, from Parquet footers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STAMP = "ts_init"


class RowGroup(msgspec.Struct, frozen=True):
    """One row group: its rows and the times of its first and last, UTC nanoseconds."""

    file: Path
    index: int
    rows: int
    first: int
    last: int


class TimeSpan(msgspec.Struct, frozen=True):
    """Number of records in a window, and the times of the first and the last (UTC ns)."""

    rows: int
    first: int
    last: int


def groups(file: Path) -> list[RowGroup]:
    """Return the row groups of a file that hold rows. Raises pyarrow.ArrowInvalid or OSError."""
    with pq.ParquetFile(file) as parquet:
        column = parquet.schema_arrow.names.index(STAMP)
        found = []
        for index in range(parquet.metadata.num_row_groups):
            row_group = parquet.metadata.row_group(index)
            if row_group.num_rows == 0:
                continue
            known = row_group.column(column).statistics
            if known is not None and known.has_min_max:
                first, last = known.min_raw, known.max_raw
            else:
                stamps = _read_times(parquet, index)
                first, last = int(stamps.min()), int(stamps.max())
            found.append(RowGroup(file, index, row_group.num_rows, first, last))
        return found


def span(found: Sequence[RowGroup], start: int, end: int) -> TimeSpan | None:
    """Return the records with start <= time < end, exactly; None where there are none.

    Only the times of row groups that a bound cuts are read; footers give the rest.
    """
    spans = [part for group in found if (part := _span_within(group, start, end)) is not None]
    if not spans:
        return None
    return TimeSpan(
        sum(part.rows for part in spans),
        min(part.first for part in spans),
        max(part.last for part in spans),
    )


def times(table: pa.Table, column: str = STAMP) -> np.ndarray:
    """Return the times of each row, UTC nanoseconds; `to_numpy` would import pandas."""
    parts = [
        np.frombuffer(part.buffers()[1], np.int64)[part.offset : part.offset + len(part)]
        for part in table.column(column).chunks
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _span_within(group: RowGroup, start: int, end: int) -> TimeSpan | None:
    if group.last < start or group.first >= end:
        return None
    if start <= group.first and group.last < end:
        return TimeSpan(group.rows, group.first, group.last)
    with pq.ParquetFile(group.file) as parquet:
        stamps = _read_times(parquet, group.index)
    inside = stamps[(stamps >= start) & (stamps < end)]
    return TimeSpan(inside.size, int(inside.min()), int(inside.max())) if inside.size else None


INSTANT = 1_000
"""Nanoseconds that a row group of one moment counts as; floats resolve them over a century."""


def windows(
    found: Sequence[RowGroup], chunk: int, first: int, last: int
) -> Iterator[tuple[int, int]]:
    """Split first..last into windows, both ends inclusive, of about `chunk` records each.

    Rows are assumed evenly spread over their row group, so window sizes are approximate.
    """
    near = [group for group in found if group.last >= first and group.first <= last]
    spans = [(g.first, max(g.last, g.first + INSTANT)) for g in near]
    edges = np.array([(start - first, end - first) for start, end in spans], float)
    slopes = np.array([g.rows for g in near]) / (edges[:, 1] - edges[:, 0])
    times = edges.T.ravel()
    order = np.argsort(times, kind="stable")
    slope = np.cumsum(np.concatenate([slopes, -slopes])[order])
    times = times[order]
    counts = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(times))])
    cuts = np.interp(np.arange(chunk, counts[-1], chunk), counts, times)
    begin = first
    for bound in np.unique(cuts.astype(np.int64)):
        if begin < first + bound <= last:
            yield begin, first + int(bound) - 1
            begin = first + int(bound)
    yield begin, last


def _read_times(parquet: pq.ParquetFile, index: int) -> np.ndarray:
    return times(parquet.read_row_group(index, columns=[STAMP], use_threads=False))
