"""The tape of a truncated copy of the data: equal to the full tape up to a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow.parquet as pq
from nautilus_trader.model import InstrumentClose, InstrumentCloseType

from qe_plugins.data.catalog import row_groups
from qe_plugins.data.catalog.catalog import RecordKind, open_catalog
from qe_plugins.data.catalog.reader import Chunk, SplicedSeries
from qe_plugins.data.catalog.row_groups import STAMP, times
from qe_plugins.data.catalog.selection import FAR
from qe_plugins.data.tape import Tape


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What a truncated tape shares with the full one, as plain data.

    `lasts` has the time of each contract's last record on the full tape (UTC ns).
    """

    source: str
    label: str
    contracts: list[str]
    bar_types: list[str]
    start: int
    chunk: int
    series: list[tuple[str, str]]
    lasts: dict[str, int]

    @classmethod
    def of(cls, tape: Tape) -> Self:
        """Return the outline of a tape."""
        return cls(
            source=tape.source,
            label=tape.label,
            contracts=[str(one.id) for one in tape.contracts],
            bar_types=tape.bar_types,
            start=tape.start,
            chunk=tape.chunk,
            series=[(one.kind.value, one.name) for one in tape.series],
            lasts=_last_records(tape),
        )


class CutTape(Tape, frozen=True):
    """A tape that ends at `until` (UTC ns); clocks advance to it, past its last record."""

    until: int = 0
    lasts: Mapping[str, int] = {}

    def last_records(self) -> dict[str, int]:
        """Return the time of each contract's last record on the full tape (UTC ns).

        The simulated exchange keeps an order waiting while records are due. Truncating the data
        must not change that, as no component may depend on where the data ends.
        """
        return dict(self.lasts)

    def chunks(self, spliced: Sequence[SplicedSeries] = ()) -> Iterator[Chunk]:
        """Yield all records in order, then an empty record at `until` if that is later."""
        yield from Tape.chunks(self, spliced)  # `super()` fails in a struct with slots
        if self.until > self.end:
            first = self.contracts[0]
            price, kind = first.price_increment, InstrumentCloseType.END_OF_SESSION
            last: Any = InstrumentClose(first.id, price, kind, self.until, self.until)
            yield Chunk([last], [])


def open_cut(outline: Outline, folder: Path, until: int) -> CutTape:
    """Return the tape of a catalog that was truncated at `until` (UTC ns).

    It has the contracts and bar types of the full tape. A contract that trades later is listed and
    has no bars. Raises DataError where the catalog cannot be read.
    """
    catalog = open_catalog(folder, str(folder))
    found = {(one.kind.value, one.name): one for one in catalog.series}
    series = [found[key] for key in outline.series if key in found]
    spans = [span for one in series if (span := row_groups.span(one.groups, outline.start, FAR))]
    end = max(span.last for span in spans)
    return CutTape(
        source=outline.source,
        label=outline.label,
        catalog=folder,
        contracts=[catalog.contracts[name] for name in outline.contracts],
        bar_types=outline.bar_types,
        start=outline.start,
        end=end,
        until=until,
        lasts=outline.lasts,
        records=sum(span.rows for span in spans) + (until > end),
        bars=sum(
            span.rows
            for one in series
            if one.kind is RecordKind.BARS
            and (span := row_groups.span(one.groups, outline.start, FAR))
        ),
        chunk=outline.chunk,
        series=tuple(series),
        settlements={n: one for n, one in catalog.settlements.items() if n in outline.contracts},
    )


def moments(tape: Tape) -> np.ndarray:
    """Return the distinct times of a tape's records (UTC ns), sorted."""
    found = [_read_stamps(group) for one in tape.series for group in one.groups]
    every = np.unique(np.concatenate(found))
    return every[(every >= tape.start) & (every <= tape.end)]


def _last_records(tape: Tape) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in tape.series:
        if span := row_groups.span(one.groups, tape.start, tape.end + 1):
            found[one.contract] = max(found.get(one.contract, 0), span.last)
    return found


def _read_stamps(group: row_groups.RowGroup) -> np.ndarray:
    with pq.ParquetFile(group.file) as parquet:
        return times(parquet.read_row_group(group.index, columns=[STAMP], use_threads=False))
