"""A catalog's decimals as floats. Polars' own cast goes through text, at four times the cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DIGITS = 9
"""Decimals of the result: as many as a price or a size has in the engine."""


def scanned(files: Path | list[Path], *names: str) -> pl.LazyFrame:
    """Return a series of a catalog, lazily, with some of its decimal columns as floats.

    Each float is the nearest to its decimal, where that is whole or below nine million. Raises
    Polars' InvalidOperationError on reading for nine thousand million and more.
    """
    if isinstance(files, Path):  # Polars would take brackets in a folder's name as a pattern, too
        files = sorted(files.parent.glob(files.name))
    frame = pl.scan_parquet(files, hive_partitioning=False, glob=False)
    schema = frame.collect_schema()
    return frame.with_columns(_as_float(name, schema[name]) for name in names)


def floats(table: pa.Table, *names: str) -> list[np.ndarray]:
    """Return decimal columns of a catalog's rows as arrays of floats, converted as in `scanned`."""
    frame: Any = pl.from_arrow(table.select(names))
    converted = frame.select(_as_float(name, frame.schema[name]) for name in names)
    return [converted[name].to_numpy() for name in names]


def nanos(table: pa.Table, *names: str) -> list[np.ndarray]:
    """Return decimal columns of a catalog's rows as int64 arrays in units of 1e-9.

    Raises Polars' InvalidOperationError for nine thousand million and more.
    """
    frame: Any = pl.from_arrow(table.select(names))
    converted = frame.select(
        _scaled_integers(name, frame.schema[name]).cast(pl.Int64) for name in names
    )
    return [converted[name].to_numpy() for name in names]


def _scaled_integers(name: str, kind: Any) -> pl.Expr:
    if not isinstance(kind, pl.Decimal):
        raise ValueError(f"'{name}' is {kind}, not a decimal")
    steps = kind.scale - DIGITS
    whole: pl.Expr = pl.col(name).to_physical()
    scaled: pl.Expr = whole // 10**steps if steps >= 0 else whole * 10**-steps
    return scaled


def _as_float(name: str, kind: Any) -> pl.Expr:
    if not isinstance(kind, pl.Decimal) or kind.scale < DIGITS:
        return pl.col(name).cast(pl.Float64)
    whole: pl.Expr = pl.col(name).to_physical() // 10 ** (kind.scale - DIGITS)
    return whole.cast(pl.Int64).map_batches(_divided, return_dtype=pl.Float64)


def _divided(whole: pl.Series) -> pl.Series:
    """Divide by 1e9. NumPy divides exactly; Polars multiplies by an inexact inverse."""
    return pl.Series(whole.name, whole.to_numpy() / 10.0**DIGITS)
