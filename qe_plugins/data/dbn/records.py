"""The bars of a file, by dated contract, as columns: fast enough for ten years of minutes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np
import zstandard

from qe_plugins.data.symbology.symbols import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key

RECORD = np.dtype(databento_dbn.OHLCVMsg._dtypes)
PRICES = ("open", "high", "low", "close")
SECONDS = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}
EPOCH = date(1970, 1, 1)
DAY_NS = 86_400_000_000_000
NO_NAME = ""

type Records = np.ndarray[Any, np.dtype[Any]]


class SymbolInterval(msgspec.Struct, frozen=True):
    """`name` is what an instrument id stood for on the days `start` until `end`."""

    start: date
    end: date
    name: str


type Names = Mapping[int, list[SymbolInterval]]


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself. Times are UTC nanoseconds; `end` is None where it is open."""

    dataset: str
    schema: str
    stype_in: str
    symbols: tuple[str, ...]
    start: int
    end: int | None
    names: Names


def header(path: Path) -> Header:
    """Return the header of a whole DBN file."""
    with path.open("rb") as raw:
        metadata = _metadata(_reader(raw))
    names: dict[int, list[SymbolInterval]] = {}
    for name, intervals in metadata.mappings.items():
        for one in intervals:
            if one["symbol"]:
                meaning = SymbolInterval(one["start_date"], one["end_date"], name)
                names.setdefault(_id(one["symbol"], path), []).append(meaning)
    return Header(
        dataset=metadata.dataset,
        schema=str(metadata.schema),
        stype_in=str(metadata.stype_in),
        symbols=tuple(metadata.symbols),
        start=metadata.start,
        end=metadata.end,
        names=names,
    )


def _id(text: str, path: Path) -> int:
    if not text.isdecimal() or len(text) > 10:
        raise DataError(f"{path} maps a name to {text[:20]!r}, which is no instrument id.")
    return int(text)


def read_records(path: Path, rows: int, kind: np.dtype[Any] = RECORD) -> Records:
    """Return the records of a whole file of so many rows, in the file's order."""
    records = np.empty(rows, kind)
    into = memoryview(records).cast("B") if rows else memoryview(bytearray())
    with path.open("rb") as raw:
        reader = _reader(raw)
        _metadata(reader)
        filled = 0
        while filled < len(into):
            if not (came := reader.readinto(into[filled:])):
                raise DataError("changed while it was read.", where=str(path))
            filled += came
    return records


def record_size(path: Path) -> int:
    """Return the bytes of one record of a whole file, 0 where it has none."""
    with path.open("rb") as raw:
        reader = _reader(raw)
        _metadata(reader)
        first = reader.read(1)
    return 4 * first[0] if first else 0


def by_contract(records: Records, names: Names) -> Iterator[tuple[str, Records]]:
    """Yield the bars of each instrument by name: `ESZ13` for a future, the raw name for others.

    An id means something only on its days; bars of ids that the file does not name come under "".
    """
    days = records["ts_event"].astype(np.int64) // DAY_NS
    pairs, where = np.unique(
        records["instrument_id"].astype(np.int64) << 20 | days, return_inverse=True
    )
    called = [name_on(int(pair) >> 20, int(pair) & 0xFFFFF, names) for pair in pairs]
    for name in sorted(set(called)):
        mine = np.array([one == name for one in called])[where]
        yield name, records if mine.all() else records[mine]


def name_on(instrument: int, day: int, names: Names) -> str:
    """Return what an instrument id was called on a day, counted from 1970; "" for nothing."""
    on = EPOCH + timedelta(days=day)
    for one in names.get(instrument, ()):
        if one.start <= on < one.end:
            key = dated_key(one.name, on) if is_outright(one.name) else None
            return key.name if key else one.name
    return NO_NAME


def _reader(raw: Any) -> zstandard.ZstdDecompressionReader:
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


def _metadata(reader: zstandard.ZstdDecompressionReader) -> databento_dbn.Metadata:
    prelude = reader.read(8)
    size = int.from_bytes(prelude[4:], "little")
    text = b""
    while len(text) < size:
        text += reader.read(size - len(text))
    return databento_dbn.Metadata.decode(prelude + text)
