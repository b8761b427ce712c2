"""Copies of a run's data that end at a moment: nothing later is in any of their files.

A contract that the data defines stays defined, as it is listed long before it trades; of several
versions of a definition the copy has those known by then, or the first. The settlement price of a
contract that has expired stays as well: a run books it at expiry, though it is published later.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from nautilus_trader.model import InstrumentClose, InstrumentCloseType

from qe_plugins.data import counting, settlements
from qe_plugins.data.catalog import Kind, open_shelf
from qe_plugins.data.columns import ROWS, stamp
from qe_plugins.data.counting import STAMP, times
from qe_plugins.data.dbn_file import PRELUDE, decompressed, header_size, read_header
from qe_plugins.data.reading import Piece, Woven
from qe_plugins.data.synthetic_label import ROLLS
from qe_plugins.data.tape import Tape
from qe_plugins.data.wanted import FAR

DBN, PARQUET = ".dbn.zst", ".parquet"
RECORDS = {kind.value for kind in Kind}
TS_EVENT, INSTRUMENT = slice(8, 16), slice(4, 8)  # of every DBN record, in bytes
PERIODS = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}  # seconds
SECOND = 1_000_000_000


def cut_folder(folder: Path, until: int, place: Path, expiries: Mapping[str, int]) -> None:
    """Copy a folder of data to `place` without what is later than `until` (UTC ns).

    `expiries` has the expiry of each contract (UTC ns). Files that are not market data are copied
    as they are.
    """
    place.mkdir(parents=True)
    for file in sorted(folder.rglob("*")):
        copy = place / file.relative_to(folder)
        if file.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.name == settlements.FILE:
            known = settlements.read(folder, str(folder)) if file.parent == folder else {}
            expired = {n: one for n, one in known.items() if expiries.get(n, until + 1) <= until}
            settlements.write(copy.parent, expired)
        elif file.name == ROLLS:
            _cut_rolls(file, until, copy)
        elif file.name.endswith(DBN):
            cut_dbn(file, until, copy)
        elif file.suffix == PARQUET:
            cut_parquet(file, until, copy)
        else:
            _same(file, copy)


def cut_parquet(file: Path, until: int, copy: Path) -> None:
    """Copy a Parquet file without the rows whose `ts_init` is later than `until` (UTC ns).

    One that has no such column is copied whole. Of definitions, which are all but market data, the
    first row stays whatever its time. Where nothing is left the copy has no rows.
    """
    with pq.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
    if STAMP not in schema.names:
        _same(file, copy)
        return
    defines = file.parent.parent.name not in RECORDS
    groups = counting.groups(file)
    if groups and max(group.last for group in groups) <= until:
        _same(file, copy)
        return
    kept = [table for group in groups for table in _kept(file, group, until, defines)]
    kept = [table for table in kept if table.num_rows]
    if defines and kept:
        past = [one for one in kept if int(times(one)[0]) <= until]
        kept = past or kept[:1]
    place = copy
    if kept:
        first, last = int(times(kept[0])[0]), int(times(kept[-1])[-1])
        place = copy.with_name(f"{stamp(first)}_{stamp(last)}{PARQUET}")
    with pq.ParquetWriter(place, schema, compression="zstd") as writer:
        for table in kept:
            writer.write_table(table.cast(schema), row_group_size=ROWS)


def cut_dbn(file: Path, until: int, copy: Path) -> None:
    """Copy a Databento file without the records that are later than `until` (UTC ns).

    A bar is later where it closes later.
    """
    schema = read_header(file, str(file)).schema
    last = until - PERIODS.get(schema, 0) * SECOND
    seen: set[int] = set()
    with copy.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as target:
        for piece in _pieces(file):
            if isinstance(piece, bytes):
                target.write(piece)
                continue
            wanted = piece[:, TS_EVENT].copy().view("<u8").ravel() <= max(last, 0)
            if schema == "definition":
                wanted |= _first_of_each(piece, wanted, seen)
            target.write(piece[wanted].tobytes())


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What the tape of a copy has in common with the whole one, as plain data.

    `lasts` has when each contract's last record is due on the whole one (UTC ns).
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
            lasts=_lasts(tape),
        )


class CutTape(Tape, frozen=True):
    """A tape that ends at `until` (UTC ns): clocks run up to there, past its last record."""

    until: int = 0
    lasts: Mapping[str, int] = {}

    def last_records(self) -> dict[str, int]:
        """Return when each contract's last record is due on the whole tape.

        The simulated exchange lets an order wait for a record that comes, and how long the data
        is is no component's to know: a copy must not make it wait for none.
        """
        return dict(self.lasts)

    def pieces(self, woven: Sequence[Woven] = ()) -> Iterator[Piece]:
        """Yield all records in order, and last one that says nothing, where it is later."""
        yield from Tape.pieces(self, woven)  # slots: `super()` is of another class here
        if self.until > self.end:
            first = self.contracts[0]
            price, kind = first.price_increment, InstrumentCloseType.END_OF_SESSION
            last: Any = InstrumentClose(first.id, price, kind, self.until, self.until)
            yield Piece([last], [])


def open_cut(outline: Outline, folder: Path, until: int) -> CutTape:
    """Return the tape of a catalog that was cut at `until` (UTC ns).

    It has the contracts and bar types of the whole one.

    A contract that trades later is listed already, and has no bars. Raises DataError where the
    catalog cannot be read.
    """
    shelf = open_shelf(folder, str(folder))
    found = {(one.kind.value, one.name): one for one in shelf.series}
    series = [found[key] for key in outline.series if key in found]
    spans = [span for one in series if (span := counting.span(one.groups, outline.start, FAR))]
    end = max(span.last for span in spans)
    return CutTape(
        source=outline.source,
        label=outline.label,
        catalog=folder,
        contracts=[shelf.contracts[name] for name in outline.contracts],
        bar_types=outline.bar_types,
        start=outline.start,
        end=end,
        until=until,
        lasts=outline.lasts,
        records=sum(span.rows for span in spans) + (until > end),
        bars=sum(
            span.rows
            for one in series
            if one.kind is Kind.BARS and (span := counting.span(one.groups, outline.start, FAR))
        ),
        chunk=outline.chunk,
        series=tuple(series),
        settlements={n: one for n, one in shelf.settlements.items() if n in outline.contracts},
    )


def moments(tape: Tape) -> np.ndarray:
    """Return when records of a tape come (UTC ns), each moment once, in order."""
    found = [_stamps(group) for one in tape.series for group in one.groups]
    every = np.unique(np.concatenate(found))
    return every[(every >= tape.start) & (every <= tape.end)]


def _lasts(tape: Tape) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in tape.series:
        if span := counting.span(one.groups, tape.start, tape.end + 1):
            found[one.contract] = max(found.get(one.contract, 0), span.last)
    return found


def _stamps(group: counting.Group) -> np.ndarray:
    with pq.ParquetFile(group.file) as parquet:
        return times(parquet.read_row_group(group.index, columns=[STAMP], use_threads=False))


def _kept(file: Path, group: counting.Group, until: int, defines: bool) -> Iterator[pa.Table]:
    """Yield what is kept of a row group, in parts that are all known by then or all later."""
    if group.first > until and not defines:
        return
    with pq.ParquetFile(file) as parquet:
        table = parquet.read_row_group(group.index, use_threads=False)
    known = times(table) <= until
    yield table.filter(pa.array(known))
    if defines:
        yield table.filter(pa.array(~known)).slice(0, 1)


def _pieces(file: Path) -> Iterator[bytes | np.ndarray]:
    """Yield the header of a Databento file, then its records as rows of bytes."""
    rest, size = bytearray(), 0
    for block in decompressed(file):
        rest += block
        if not size:
            if len(rest) < PRELUDE or len(rest) <= header_size(rest):
                continue
            head = header_size(rest)
            yield bytes(rest[:head])
            del rest[:head]
            size = 4 * rest[0]
        whole = len(rest) // size * size
        yield np.frombuffer(bytes(rest[:whole]), np.uint8).reshape(-1, size)
        del rest[:whole]
    if not size:
        yield bytes(rest)


def _first_of_each(records: np.ndarray, wanted: np.ndarray, seen: set[int]) -> np.ndarray:
    """Mark the first definition of each instrument of which none is wanted so far."""
    ids = records[:, INSTRUMENT].copy().view("<u4").ravel()
    first = np.zeros(len(records), bool)
    for n, instrument in enumerate(ids.tolist()):
        first[n] = not wanted[n] and instrument not in seen
        seen.add(instrument)
    return first


def _cut_rolls(file: Path, until: int, copy: Path) -> None:
    day = np.datetime64(until, "ns").astype("datetime64[D]").item().isoformat()
    rolls: dict[str, list[Any]] = msgspec.json.decode(file.read_bytes())
    known = {root: [one for one in every if one["date"] <= day] for root, every in rolls.items()}
    copy.write_bytes(msgspec.json.encode(known))


def _same(file: Path, copy: Path) -> None:
    """Give a file that does not change a second name, or copy it where that cannot be."""
    try:
        os.link(file, copy)
    except OSError:
        shutil.copy2(file, copy)
