"""Pieces of one series, from several files or slices, put in the order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qe_plugins.data import counting
from qe_plugins.data.wanted import written
from qe_plugins.errors import DataError

type Piece = tuple[Path, int, int]  # a Parquet file, and the times, end exclusive, that are meant


def refuse_shared(parts: Sequence[Piece], name: str, place: str) -> None:
    """Raise DataError where two files have quotes or trades of the same time.

    A part's file lies in a folder of its source, in a folder of its slice.
    """
    spans: dict[Path, list[counting.Span]] = defaultdict(list)
    for file, since, until in parts:
        if span := counting.span(counting.groups(file), since, until):
            spans[file.parents[4]].append(span)
    whole = sorted(
        (min(s.first for s in found), max(s.last for s in found)) for found in spans.values()
    )
    for (_, last), (first, _) in pairwise(whole):
        if first < last:
            raise DataError(
                f"{name}: two files have records of {written(first)}: its days are in more than "
                "one file.",
                where=place,
                hint="Name the files to use, each day once.",
            )


def in_order(parts: Sequence[Piece]) -> Iterator[pa.Table]:
    """Yield a series' records by time: part after part, or in one where parts overlap."""
    spans = [
        (span, part)
        for part in parts
        if (span := counting.span(counting.groups(part[0]), part[1], part[2]))
    ]
    spans.sort(key=lambda one: (one[0].first, one[0].last))
    tables = (_table(*part) for _, part in spans)
    if all(one.last <= following.first for (one, _), (following, _) in pairwise(spans)):
        yield from tables
    else:
        yield pa.concat_tables(list(tables)).sort_by(counting.STAMP)


def _table(file: Path, since: int, until: int) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        table = parquet.read().replace_schema_metadata(parquet.schema_arrow.metadata)
    first, last = np.searchsorted(counting.times(table), (since, until))
    return table.slice(first, last - first)
