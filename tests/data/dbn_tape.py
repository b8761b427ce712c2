"""Small genuine Databento files, and how a test opens a tape."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from qe_plugins.config.schema import DataSettings
from qe_plugins.data.dbn.files import read_header
from qe_plugins.data.symbology.dataset import KNOWN
from qe_plugins.data.tape import Tape, open_tape
from tests.fakes.databento_server.archive import Archive, Interval, Listing, encode, nanoseconds
from tests.fakes.databento_server.tape import december, make_archive, weekdays

FIRST, UNTIL = dt.date(2013, 12, 9), dt.date(2013, 12, 24)


def opened(**settings: Any) -> Tape:
    """Return the tape of a `data:` section whose keys stand in `run.yaml`."""
    return open_tape(DataSettings(**settings), lambda key: f"run.yaml:{key}")


def globex(folder: Path) -> list[Path]:
    """Return the Databento files below `folder` that are of CME Globex."""
    files = sorted(folder.rglob("*.dbn.zst"))
    return [one for one in files if read_header(one, str(folder)).dataset == KNOWN]


def keys(tape: Tape) -> list[tuple[int, str, str]]:
    """Return time, contract or bar type, and content of each record, in the tape's order."""
    records = [record for chunk in tape.chunks() for record in chunk.records]
    return [
        (one.ts_init, str(getattr(one, "bar_type", None) or one.instrument_id), str(one))
        for one in records
    ]


def written(folder: Path, listings: list[Listing], days: list[dt.date], **omit: bool) -> Path:
    """Write definitions and bars of the listings into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = make_archive(listings, days)
    for schema in ("definition", "ohlcv-1m"):
        if not omit.get(schema.partition("-")[0]):
            (folder / f"{schema}.dbn.zst").write_bytes(file(archive, schema))
    return folder


def december_tape(folder: Path, **omit: bool) -> Path:
    """Write the roll of December 2013: ESZ3, ESH4, ESM4 and a spread."""
    return written(folder, december(), weekdays(FIRST, UNTIL), **omit)


def file(archive: Archive, schema: str, stype: str = "parent", symbol: str = "ES.FUT") -> bytes:
    """Return the stock's records of a schema as the bytes of a file."""
    spans = [Interval(symbol, one.id, one.first, one.until) for one in archive.listings]
    rows: np.ndarray = archive.records[schema]
    last = max(one.until for one in archive.listings)
    times = (nanoseconds(min(one.first for one in archive.listings)), nanoseconds(last))
    return encode(archive, schema, stype, [symbol], spans, times, rows)
