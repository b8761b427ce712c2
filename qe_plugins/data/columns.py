"""Records as columns, written where and as Nautilus' catalog keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qe_plugins.data.catalog import Kind
from qe_plugins.data.counting import STAMP, times

ROWS = 16_384  # of a row group: small enough to read a window without much beside it
DECIMAL = pa.decimal128(38, 16)
PRICES = ("open", "high", "low", "close")
TYPE_NAMES = {Kind.BARS: "Bar", Kind.QUOTES: "QuoteTick", Kind.TRADES: "TradeTick"}


def write_series(folder: Path, kind: Kind, name: str, table: pa.Table) -> None:
    """Write one series, sorted by `ts_init`, into the catalog at `folder`.

    `name` is the bar type, or the contract's id. Precisions are kept from the table's metadata.
    """
    place = folder / "data" / kind.value / name
    place.mkdir(parents=True)
    known = table.schema.metadata
    about = {
        "instrument_id": name.rsplit("-", 4)[0] if kind is Kind.BARS else name,
        "price_precision": known[b"price_precision"],
        "size_precision": known[b"size_precision"],
        "type_name": TYPE_NAMES[kind],
    }
    if kind is Kind.BARS:
        about["bar_type"] = name
    stamps = times(table)
    pq.write_table(
        table.replace_schema_metadata(about),
        place / f"{_stamp(int(stamps[0]))}_{_stamp(int(stamps[-1]))}.parquet",
        compression="zstd",
        row_group_size=ROWS,
        sorting_columns=[pq.SortingColumn(table.schema.names.index(STAMP))],
    )


def bar_table(cents: Sequence[np.ndarray], volumes: np.ndarray, stamps: np.ndarray) -> pa.Table:
    """Return bars of open, high, low, close in hundredths, volumes and closing times (UTC ns)."""
    closes_at = _plain(pa.timestamp("ns", "UTC"), stamps)
    fields = [
        *zip(PRICES, (_decimals(price, 2) for price in cents), strict=True),
        ("volume", _decimals(volumes, 0)),
        ("ts_event", closes_at),
        ("ts_init", closes_at),
    ]
    schema = pa.schema(
        [pa.field(name, column.type, nullable=False) for name, column in fields],
        {"price_precision": "2", "size_precision": "0"},
    )
    return pa.table([column for _, column in fields], schema=schema)


def _decimals(values: np.ndarray, scale: int) -> pa.Array:
    """Return integers as decimals of `scale` digits: 128 bits, low word first."""
    words = np.empty((values.size, 2), np.int64)
    words[:, 0], words[:, 1] = values, values >> 63
    exact = _plain(pa.decimal128(DECIMAL.precision - DECIMAL.scale + scale, scale), words)
    return exact.cast(DECIMAL)


def _plain(kind: pa.DataType, values: np.ndarray) -> pa.Array:
    """Return the bytes of `values` as an array; `pyarrow.array` would import pandas."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _stamp(nanosecond: int) -> str:
    moment = np.datetime_as_string(np.datetime64(nanosecond, "ns"), unit="ns")
    return str(moment).replace(":", "-").replace(".", "-") + "Z"
