"""Read the bars of a root's dated contracts from Databento files into one frame.

Each record is assigned to the contract of its instrument id on its day. Spreads, options and
continuous series are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from qe_plugins.data.dbn.files import (
    check_whole,
    open_stream,
    read_bytes,
    read_header,
    read_metadata,
)
from qe_plugins.data.dbn.records import PRICES, RECORD
from qe_plugins.data.dbn.symbol_map import Records, SymbolMap, names_of_records, symbol_map
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED

BLOCK = RECORD.itemsize << 15
SCHEMA = {
    "contract": pl.Categorical,
    "ts": pl.Int64,
    **dict.fromkeys(PRICES, pl.Int64),
    "volume": pl.Int64,
}


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
            if not header.continuous and any(
                is_outright_of(name, [root]) for name in header.symbols
            ):
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
        frames.append(pl.concat([frames[0], *_bar_frames(file, root)]))
    found = sorted((one for one in frames if one.height), key=lambda one: one["ts"][0])
    frame = pl.concat(found or frames)
    if frame["ts"].is_sorted() and all(a["ts"][-1] < b["ts"][0] for a, b in pairwise(found)):
        return frame  # the usual case: sorting would copy ten years of bars
    return frame.unique(["contract", "ts"], keep="last").sort("ts", "contract")


def is_outright_of(name: str, roots: Sequence[str]) -> bool:
    """Say whether a raw name is that of a dated future of one of the roots."""
    found = DATED.fullmatch(name)
    return found is not None and found["root"] in roots


def _bar_frames(file: Path, root: str) -> Iterator[pl.DataFrame]:
    """Yield the bars of a root block by block, so that one block is in memory twice at a time."""
    with file.open("rb") as raw:
        stream = open_stream(raw)
        metadata = read_metadata(stream)
        symbols = symbol_map(metadata, file, lambda name: is_outright_of(name, [root]))
        while block := read_bytes(stream, BLOCK):
            yield _bar_frame(np.frombuffer(block, RECORD), symbols)


def _bar_frame(records: Records, symbols: SymbolMap) -> pl.DataFrame:
    records = records[np.isin(records["instrument_id"], list(symbols))]
    names, index = names_of_records(records, symbols)
    contracts = [name or None for name in names]
    columns = {field: records[field].astype(np.int64) for field in (*PRICES, "volume")}
    contract = pl.Series("contract", contracts, dtype=pl.Categorical).gather(index)
    ts = pl.Series("ts", records["ts_event"].astype(np.int64))
    return pl.DataFrame([contract, ts]).with_columns(**columns).drop_nulls("contract")
