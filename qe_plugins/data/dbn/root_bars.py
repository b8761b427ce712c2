"""Bars of a root's dated contracts, read from Databento files into one frame.

Every record goes to the contract that its instrument id stood for on its day: ids are reused, and
raw names come back after ten years. Spreads, options and continuous series are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import databento_dbn
import numpy as np
import polars as pl
import zstandard

from qe_plugins.data.dbn.files import check_whole, read_header
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED, dated_key

RECORD = np.dtype(databento_dbn.OHLCVMsg._dtypes)
BLOCK = RECORD.itemsize << 15
DAY_NS = 86_400_000_000_000
EPOCH = date(1970, 1, 1)
FIELDS = ("open", "high", "low", "close")
SCHEMA = {
    "contract": pl.Categorical,
    "ts": pl.Int64,
    **dict.fromkeys(FIELDS, pl.Int64),
    "volume": pl.Int64,
}

type Names = Mapping[int, list[tuple[date, date, str]]]


def bar_files(places: Iterable[Path], root: str) -> dict[str, list[Path]]:
    """Return the files with bars of a root by schema (`ohlcv-1m`, `ohlcv-1d`), in folders or named.

    Raises DataError for a place that does not exist, a file that is not DBN, and one that has bars
    of the root in another dataset than CME's.
    """
    found: dict[str, list[Path]] = {}
    for place in places:
        if not place.exists():
            raise DataError("there is no such file or folder.", where=str(place))
        for file in [place] if place.is_file() else sorted(place.rglob("*.dbn.zst")):
            header = read_header(file, "data")
            if header.continuous and file == place:
                raise DataError(
                    f"{file} is a continuous series, which has no dated contracts.",
                    where="data",
                    hint="Name the contracts' own bars: the parent (ES.FUT) or raw symbols (ESZ3).",
                )
            if not header.continuous and any(_is_of(root, name) for name in header.symbols):
                refuse_others(header.dataset, str(file))
                found.setdefault(header.schema, []).append(file)
    return found


def read_bars(files: Iterable[Path], root: str) -> pl.DataFrame:
    """Return the bars of a root's outright contracts by time and contract.

    Columns: contract (`ESZ13`), ts (UTC nanoseconds of the bar's open), open, high, low, close
    (units of 1e-9), volume. Raises DataError for a file that is cut short.
    """
    frames = [pl.DataFrame(schema=SCHEMA)]
    for file in files:
        check_whole(file, "data")
        frames.append(pl.concat([frames[0], *_parts(file, root)]))
    found = sorted((one for one in frames if one.height), key=lambda one: one["ts"][0])
    frame = pl.concat(found or frames)
    if frame["ts"].is_sorted() and all(a["ts"][-1] < b["ts"][0] for a, b in pairwise(found)):
        return frame  # the usual case: sorting would hold a ten-year tape twice
    return frame.unique(["contract", "ts"], keep="last").sort("ts", "contract")


def _parts(file: Path, root: str) -> Iterator[pl.DataFrame]:
    with file.open("rb") as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        names = names_of(_header(reader), root)
        while block := _full(reader, BLOCK):
            yield _frame(np.frombuffer(block, RECORD), names)


def _full(reader: zstandard.ZstdDecompressionReader, wanted: int) -> bytes:
    """Return the next bytes, as many as wanted where there are: a read may bring fewer."""
    parts = []
    while wanted and (part := reader.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _header(reader: zstandard.ZstdDecompressionReader) -> databento_dbn.Metadata:
    prelude = _full(reader, 8)
    rest = _full(reader, int.from_bytes(prelude[4:], "little"))
    return databento_dbn.Metadata.decode(prelude + rest)


def names_of(header: databento_dbn.Metadata, root: str) -> Names:
    """Return what each instrument id was called, by its days; only a root's outrights."""
    names: dict[int, list[tuple[date, date, str]]] = {}
    for name, intervals in header.mappings.items():
        for interval in intervals if _is_of(root, name) else ():
            known = names.setdefault(int(interval["symbol"]), [])
            known.append((interval["start_date"], interval["end_date"], name))
    return names


def _is_of(root: str, name: str) -> bool:
    found = DATED.fullmatch(name)
    return found is not None and found["root"] == root


def _frame(records: np.ndarray, names: Names) -> pl.DataFrame:
    records = records[np.isin(records["instrument_id"], list(names))]
    days = records["ts_event"].astype(np.int64) // DAY_NS
    pairs, where = np.unique(
        records["instrument_id"].astype(np.int64) << 20 | days, return_inverse=True
    )
    known = [
        contract_on(int(pair) >> 20, EPOCH + timedelta(days=int(pair) & 0xFFFFF), names)
        for pair in pairs
    ]
    columns = {field: records[field].astype(np.int64) for field in (*FIELDS, "volume")}
    contract = pl.Series("contract", known, dtype=pl.Categorical).gather(where)
    ts = pl.Series("ts", records["ts_event"].astype(np.int64))
    return pl.DataFrame([contract, ts]).with_columns(**columns).drop_nulls("contract")


def contract_on(instrument: int, day: date, names: Names) -> str | None:
    """Return the contract, `ESZ13`, that an instrument id stood for on a day."""
    for start, end, name in names.get(instrument, ()):
        if start <= day < end and (key := dated_key(name, day)):
            return key.name
    return None
