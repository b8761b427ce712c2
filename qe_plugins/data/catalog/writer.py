"""Write columns of records in the layout of Nautilus' catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qe_plugins import stop_signals
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.row_groups import STAMP, times

ROWS = 16_384  # of a row group: small, so that reading a window reads little else
DECIMAL = pa.decimal128(38, 16)
PRICES = ("open", "high", "low", "close")
TYPE_NAMES = {
    RecordKind.BARS: "Bar",
    RecordKind.QUOTES: "QuoteTick",
    RecordKind.TRADES: "TradeTick",
}


def write_series(folder: Path, kind: RecordKind, name: str, table: pa.Table) -> None:
    """Write one series, sorted by `ts_init`, into the catalog at `folder`.

    `name` is the bar type, or the contract's id. Precisions are those of the table's metadata.
    """
    write_tables(folder, kind, name, [table])


def write_tables(folder: Path, kind: RecordKind, name: str, tables: Iterable[pa.Table]) -> None:
    """Write one series from tables in time order; without tables, no file is written."""
    place = folder / "data" / kind.value / name
    unnamed = place / "unnamed"
    first, last = 0, 0
    with ExitStack() as stack:
        writer = None
        for table in tables:
            stamps = times(table)
            if writer is None:
                stop_signals.hold()  # what a stop signal has removed is not made again
                place.mkdir(parents=True)
                writer = stack.enter_context(_open_writer(unnamed, _schema_of(table, kind, name)))
                first = int(stamps[0])
            writer.write_table(table.cast(writer.schema), row_group_size=ROWS)
            last = int(stamps[-1])
    if unnamed.exists():
        unnamed.rename(place / f"{stamp(first)}_{stamp(last)}.parquet")


def _open_writer(file: Path, schema: pa.Schema) -> pq.ParquetWriter:
    by_time = [pq.SortingColumn(schema.names.index(STAMP))]
    return pq.ParquetWriter(file, schema, compression="zstd", sorting_columns=by_time)


def _schema_of(table: pa.Table, kind: RecordKind, name: str) -> pa.Schema:
    known = table.schema.metadata
    about = {
        "instrument_id": name.rsplit("-", 4)[0] if kind is RecordKind.BARS else name,
        "price_precision": known[b"price_precision"],
        "size_precision": known[b"size_precision"],
        "type_name": TYPE_NAMES[kind],
    }
    return table.schema.with_metadata(
        about | ({"bar_type": name} if kind is RecordKind.BARS else {})
    )


def bar_table(
    prices: Sequence[np.ndarray],
    volumes: np.ndarray,
    stamps: np.ndarray,
    *,
    scale: int = 2,
    precision: int = 2,
) -> pa.Table:
    """Return bars of open, high, low, close, volumes and closing times (UTC ns).

    Prices are integers with `scale` decimals, and are shown with `precision`.
    """
    closes_at = _plain_array(pa.timestamp("ns", "UTC"), stamps)
    fields = [
        *zip(PRICES, (_decimal_array(price, scale) for price in prices), strict=True),
        ("volume", _decimal_array(volumes, 0)),
        ("ts_event", closes_at),
        ("ts_init", closes_at),
    ]
    schema = pa.schema(
        [pa.field(name, column.type, nullable=False) for name, column in fields],
        {"price_precision": str(precision), "size_precision": "0"},
    )
    return pa.table([column for _, column in fields], schema=schema)


def quote_table(
    bids: np.ndarray,
    asks: np.ndarray,
    bid_sizes: np.ndarray,
    ask_sizes: np.ndarray,
    *,
    stamps: np.ndarray,
    scale: int = 2,
    precision: int = 2,
) -> pa.Table:
    """Return quotes of integer prices with `scale` decimals and sizes, known at `stamps` (UTC ns).

    Prices are shown with `precision`.
    """
    known_at = _plain_array(pa.timestamp("ns", "UTC"), stamps)
    fields = [
        ("bid_price", _decimal_array(bids, scale)),
        ("ask_price", _decimal_array(asks, scale)),
        ("bid_size", _decimal_array(bid_sizes, 0)),
        ("ask_size", _decimal_array(ask_sizes, 0)),
        ("ts_event", known_at),
        ("ts_init", known_at),
    ]
    schema = pa.schema(
        [pa.field(name, column.type, nullable=False) for name, column in fields],
        {"price_precision": str(precision), "size_precision": "0"},
    )
    return pa.table([column for _, column in fields], schema=schema)


def _decimal_array(values: np.ndarray, scale: int) -> pa.Array:
    """Return integers as decimals of `scale` digits: 128 bits, low word first."""
    words = np.empty((values.size, 2), np.int64)
    words[:, 0], words[:, 1] = values, values >> 63
    exact = _plain_array(pa.decimal128(DECIMAL.precision - DECIMAL.scale + scale, scale), words)
    return exact.cast(DECIMAL)


def _plain_array(kind: pa.DataType, values: np.ndarray) -> pa.Array:
    """Return the bytes of `values` as an array; `pyarrow.array` would import pandas."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def stamp(nanosecond: int) -> str:
    """Return UTC nanoseconds as Nautilus writes them in file names."""
    moment = np.datetime_as_string(np.datetime64(nanosecond, "ns"), unit="ns")
    return str(moment).replace(":", "-").replace(".", "-") + "Z"
