"""The closes of a run's data, read from its files past the run."""

from __future__ import annotations

import os
from bisect import bisect_right
from pathlib import Path

import databento_dbn
import numpy as np
import polars as pl
import zstandard

MINUTE = 60_000_000_000


def closes(place: str = "") -> tuple[list[int], list[float]]:
    """Return times (UTC ns) and closes of all bars of the first contract."""
    folder = Path(place or os.environ["QE_HOME"])
    if dbn := sorted(folder.glob("*1m*.dbn.zst")):
        return of_dbn(dbn[0])
    [*files] = sorted(folder.rglob("data/bars/*/*.parquet"))
    table = pl.read_parquet(files[0])
    return table["ts_event"].cast(int).to_list(), table["close"].cast(float).to_list()


def of_dbn(file: Path) -> tuple[list[int], list[float]]:
    """Return the same of a Databento file."""
    data = zstandard.ZstdDecompressor().stream_reader(file.open("rb")).read()
    length = 8 + int.from_bytes(data[4:8], "little")
    rows = np.frombuffer(data[length:], np.dtype(databento_dbn.OHLCVMsg._dtypes))
    rows = rows[rows["instrument_id"] == rows["instrument_id"][rows["close"] > 0][0]]
    times = rows["ts_event"].astype(np.int64) + MINUTE
    return times.tolist(), (rows["close"] / 1e9).tolist()


def rise(known: tuple[list[int], list[float]], ts: int, close: float) -> float:
    """Return by how much the bar after a moment closes higher; 0 where none is known."""
    times, every = known
    at = bisect_right(times, ts)
    return every[at] - close if at < len(times) else 0.0
