"""Read one kind of statistic, as published by the exchange, from a `statistics` file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np

from qe_plugins.data.dbn.files import PRELUDE, check_whole, decompressed, header_size, read_header
from qe_plugins.data.dbn.root_bars import is_outright_of
from qe_plugins.data.dbn.symbol_map import SymbolMap, name_on, symbol_map

SCHEMA = "statistics"
SECOND = 1_000_000_000
BATCH = 100_000  # records read at a time
LAYOUTS = {  # by the size of a record, which grew with version 3 of the format
    layout.itemsize: layout
    for layout in map(np.dtype, (databento_dbn.StatMsg._dtypes, databento_dbn.StatMsgV1._dtypes))
}
ADDED = int(databento_dbn.StatUpdateAction.NEW)


class Statistic(msgspec.Struct, frozen=True, kw_only=True):
    """One statistic of a contract, `ESZ13`; `price` is in units of 1e-9.

    `ts` is the time of publication (UTC nanoseconds), `day` its trading day if stated.
    """

    contract: str
    ts: int
    day: date | None
    price: int
    quantity: int
    flags: int


def read_statistics(file: Path, kind: int, roots: Sequence[str]) -> Iterator[Statistic]:
    """Yield the statistics of one kind of the roots' outright contracts, in the file's order.

    `kind` is a `databento_dbn.StatType`. Deletions are left out. Nothing for a file of another
    schema; raises DataError for a file that is cut short.
    """
    if read_header(file, "data").schema != SCHEMA:
        return
    check_whole(file, "data")
    symbols: SymbolMap | None = None
    for metadata, records in _record_batches(file):
        if symbols is None:
            symbols = symbol_map(metadata, file, lambda name: is_outright_of(name, roots))
        wanted = records[(records["stat_type"] == kind) & (records["update_action"] == ADDED)]
        for record in wanted:
            if (found := _statistic(record, symbols)) is not None:
                yield found


def _statistic(record: np.void, symbols: SymbolMap) -> Statistic | None:
    ts, instrument = int(record["ts_event"]), int(record["instrument_id"])
    reference = int(record["ts_ref"])
    day = None if reference == databento_dbn.UNDEF_TIMESTAMP else _utc_day(reference)
    contract = name_on(instrument, _utc_day(ts), symbols)
    if not contract and day is not None:  # published after its last day
        contract = name_on(instrument, day, symbols)
    if not contract:
        return None
    return Statistic(
        contract=contract,
        ts=ts,
        day=day,
        price=int(record["price"]),
        quantity=int(record["quantity"]),
        flags=int(record["stat_flags"]),
    )


def _record_batches(file: Path) -> Iterator[tuple[databento_dbn.Metadata, np.ndarray]]:
    buffered, header = bytearray(), None
    layout: np.dtype[Any] = np.dtype("u1")
    for block in decompressed(file):
        buffered += block
        if header is None and len(buffered) > PRELUDE and len(buffered) > header_size(buffered):
            start = header_size(buffered)
            header = databento_dbn.Metadata.decode(bytes(buffered[:start]))
            del buffered[:start]
            layout = LAYOUTS[4 * buffered[0]]
        while header is not None and len(buffered) >= BATCH * layout.itemsize:
            yield header, np.frombuffer(bytes(buffered[: BATCH * layout.itemsize]), layout)
            del buffered[: BATCH * layout.itemsize]
    if header is not None and buffered:
        yield header, np.frombuffer(bytes(buffered), layout)


def _utc_day(ts: int) -> date:
    return datetime.fromtimestamp(ts // SECOND, UTC).date()
