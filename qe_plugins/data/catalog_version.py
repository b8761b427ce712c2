"""Catalogs of Nautilus 1, which Nautilus 2 reads as empty or as zeros, without a word."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from qe_plugins.errors import DataError

OLD = ("bar", "quote_tick", "trade_tick")  # folders of a version 1 catalog


def refuse_version_1(folder: Path, place: str) -> None:
    """Raise DataError for a catalog with the folders of version 1."""
    for name in OLD:
        if (folder / "data" / name).is_dir():
            raise _version_1(f"{folder} is a catalog of Nautilus 1 (it has 'data/{name}').", place)


def refuse_zeros(file: Path, place: str) -> None:
    """Refuse prices in a layout that the engine would read as zero without a word."""
    with pq.ParquetFile(file) as parquet:
        for field in parquet.schema_arrow:
            if field.name in ("close", "bid_price", "price") and not pa.types.is_decimal(
                field.type
            ):
                raise _version_1(f"{file} holds prices as {field.type}, not as decimals.", place)


def _version_1(message: str, place: str) -> DataError:
    return DataError(
        message,
        where=place,
        hint="Write it again with Nautilus 2, or point 'dbn:' at the files it came from.",
    )
