"""Truncated copies of a run's data: no file holds anything later than a moment.

Contracts stay defined, as they are listed long before they trade; of several versions of a
definition the copy has those known by then, or the first. The settlement price of an expired
contract stays: a run books it at expiry, though it is published later.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from qe_plugins.data.catalog import row_groups, settlements
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.row_groups import STAMP, times
from qe_plugins.data.catalog.writer import ROWS, stamp
from qe_plugins.data.dbn.files import PRELUDE, decompressed, header_size, read_header
from qe_plugins.data.synthetic.label import ROLLS

DBN, PARQUET = ".dbn.zst", ".parquet"
RECORDS = {kind.value for kind in RecordKind}
TS_EVENT, INSTRUMENT = slice(8, 16), slice(4, 8)  # of every DBN record, in bytes
PERIODS = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}  # seconds
SECOND = 1_000_000_000


def cut_folder(folder: Path, until: int, target: Path, expiries: Mapping[str, int]) -> None:
    """Copy a folder of data to `target` without records later than `until` (UTC ns).

    `expiries` has the expiry of each contract (UTC ns). Files that are not market data are copied
    as they are.
    """
    target.mkdir(parents=True)
    for file in sorted(folder.rglob("*")):
        copy = target / file.relative_to(folder)
        if file.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.name == settlements.FILE:
            known = settlements.read(folder, str(folder)) if file.parent == folder else {}
            expired = {n: one for n, one in known.items() if expiries.get(n, until + 1) <= until}
            settlements.write(copy.parent, expired)
        elif file.name == ROLLS:
            _truncate_rolls(file, until, copy)
        elif file.name.endswith(DBN):
            cut_dbn(file, until, copy)
        elif file.suffix == PARQUET:
            cut_parquet(file, until, copy)
        else:
            _link_or_copy(file, copy)


def cut_parquet(file: Path, until: int, copy: Path) -> None:
    """Copy a Parquet file without the rows whose `ts_init` is later than `until` (UTC ns).

    A file without that column is copied unchanged. Of definitions the first row stays, whatever its
    time. The copy may have no rows.
    """
    with pq.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
    if STAMP not in schema.names:
        _link_or_copy(file, copy)
        return
    defines = file.parent.parent.name not in RECORDS
    groups = row_groups.groups(file)
    if groups and max(group.last for group in groups) <= until:
        _link_or_copy(file, copy)
        return
    remaining = [
        table for group in groups for table in _remaining_rows(file, group, until, defines)
    ]
    remaining = [table for table in remaining if table.num_rows]
    if defines and remaining:
        past = [one for one in remaining if int(times(one)[0]) <= until]
        remaining = past or remaining[:1]
    target = copy
    if remaining:
        first, last = int(times(remaining[0])[0]), int(times(remaining[-1])[-1])
        target = copy.with_name(f"{stamp(first)}_{stamp(last)}{PARQUET}")
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in remaining:
            writer.write_table(table.cast(schema), row_group_size=ROWS)


def cut_dbn(file: Path, until: int, copy: Path) -> None:
    """Copy a Databento file without records later than `until` (UTC ns), by a bar's close."""
    schema = read_header(file, str(file)).schema
    last = until - PERIODS.get(schema, 0) * SECOND
    seen: set[int] = set()
    with copy.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as target:
        for part in _dbn_parts(file):
            if isinstance(part, bytes):
                target.write(part)
                continue
            wanted = part[:, TS_EVENT].copy().view("<u8").ravel() <= max(last, 0)
            if schema == "definition":
                wanted |= _first_of_each(part, wanted, seen)
            target.write(part[wanted].tobytes())


def _remaining_rows(
    file: Path, group: row_groups.RowGroup, until: int, defines: bool
) -> Iterator[pa.Table]:
    """Yield the remaining rows of a row group: those known by `until`, then a first later one."""
    if group.first > until and not defines:
        return
    with pq.ParquetFile(file) as parquet:
        table = parquet.read_row_group(group.index, use_threads=False)
    known = times(table) <= until
    yield table.filter(pa.array(known))
    if defines:
        yield table.filter(pa.array(~known)).slice(0, 1)


def _dbn_parts(file: Path) -> Iterator[bytes | np.ndarray]:
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
    """Mark the first definition of each instrument that has no wanted one so far."""
    ids = records[:, INSTRUMENT].copy().view("<u4").ravel()
    first = np.zeros(len(records), bool)
    for n, instrument in enumerate(ids.tolist()):
        first[n] = not wanted[n] and instrument not in seen
        seen.add(instrument)
    return first


def _truncate_rolls(file: Path, until: int, copy: Path) -> None:
    day = np.datetime64(until, "ns").astype("datetime64[D]").item().isoformat()
    rolls: dict[str, list[Any]] = msgspec.json.decode(file.read_bytes())
    known = {root: [one for one in every if one["date"] <= day] for root, every in rolls.items()}
    copy.write_bytes(msgspec.json.encode(known))


def _link_or_copy(file: Path, copy: Path) -> None:
    """Hard-link an unchanged file, or copy it where links are not supported."""
    try:
        os.link(file, copy)
    except OSError:
        shutil.copy2(file, copy)
