"""The closes of a run's data, read from its files past the run."""

from __future__ import annotations

import os
from pathlib import Path

import databento_dbn
import numpy as np
import polars as pl
import zstandard

MINUTE = 60_000_000_000


def closes(place: str = "") -> dict[int, float]:
    """Return every close by the time of its bar (UTC ns), of the first contract by its name."""
    folder = Path(place or os.environ["QE_HOME"])
    if dbn := sorted(folder.glob("*1m*.dbn.zst")):
        return of_dbn(dbn[0])
    [*files] = sorted(folder.rglob("data/bars/*/*.parquet"))
    table = pl.read_parquet(files[0])
    return dict(zip(table["ts_event"].cast(int), table["close"].cast(float), strict=True))


def of_dbn(file: Path) -> dict[int, float]:
    """Return the same of a Databento file, of whatever contract comes last."""
    data = zstandard.ZstdDecompressor().stream_reader(file.open("rb")).read()
    length = 8 + int.from_bytes(data[4:8], "little")
    rows = np.frombuffer(data[length:], np.dtype(databento_dbn.OHLCVMsg._dtypes))
    times = (rows["ts_event"].astype(np.int64) + MINUTE).tolist()
    return dict(zip(times, (rows["close"] / 1e9).tolist(), strict=True))
