"""Read definitions and best bids and offers of options from Databento files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import databento_dbn as dbn
import numpy as np
import polars as pl

from qe_plugins.data.dbn.definitions import definition_files, read_definitions
from qe_plugins.data.dbn.files import read_header
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.data.dbn.records import RECORD, SECONDS, full_header, read_records
from qe_plugins.data.dbn.symbol_map import Records, names_of_records
from qe_plugins.data.options.frames import (
    BARS,
    FUTURES,
    QUOTES,
    ChainData,
    first_known,
    stacked,
)
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED
from qe_plugins.market.definitions import ContractKind
from qe_plugins.market.listed_options import ListedOption, defined_option, two_digit_symbol

BBO = ("bbo-1m", "bbo-1s")
LAYOUT = np.dtype(dbn.BBOMsg._dtypes)
NANO, UNDEFINED = 1e-9, 2**63 - 1
SECOND = 1_000_000_000


def read_databento(folder: Path, root: str) -> ChainData:
    """Return a root's options with their quotes, and prices of its futures.

    A future's price is the middle of its quote where there are quotes of it, else the close of its
    bar, known when the bar ends. Raises DataError where there are no definitions of its options.
    """
    contracts: dict[str, ListedOption] = {}
    refused: dict[str, str] = {}
    defined = read_definitions(definition_files([folder]), [root])
    for one in defined.contracts:
        if one.kind is ContractKind.OPTION:
            try:
                contract = defined_option(one)
                contracts[contract.symbol] = contract
            except DataError as error:
                refused[one.raw] = str(error)
    if not contracts and not refused:
        raise DataError(f"no definitions of options on {root}.", where=str(folder))
    quotes, futures, bars = [], [], []
    for file in sorted(folder.rglob("*.dbn.zst")):
        schema = read_header(file, "options").schema
        if schema in BBO:
            for name, records in _by_name(file, LAYOUT):
                if (symbol := two_digit_symbol(name, contracts)) is not None:
                    quotes.append(_quotes(records, symbol))
                elif _is_future(name, root):
                    futures.append(_middles(records, name))
        elif schema in SECONDS:
            for name, records in _by_name(file, RECORD):
                if _is_future(name, root):
                    bars.append(_bars(records, name, SECONDS[schema]))
    every, closed = stacked(quotes, QUOTES), stacked(bars, BARS)
    closes = closed.select("ts", "future", pl.col("close").alias("price"))
    return ChainData(
        root=root,
        contracts=contracts,
        known=first_known(every),
        quotes=every,
        futures=stacked(futures, FUTURES) if futures else closes,
        bars=closed,
        refused=refused,
    )


def _by_name(file: Path, layout: np.dtype) -> Iterator[tuple[str, Records]]:
    rows = check_records(file, "options")
    records = read_records(file, rows, layout)
    if "ts_recv" in (records.dtype.names or ()):  # a quote's event is the last trade, days ago
        records["ts_event"] = records["ts_recv"]
    names, index = names_of_records(records, full_header(file).names)
    for name in dict.fromkeys(names):
        yield name, records[np.array([one == name for one in names])[index]]


def _is_future(name: str, root: str) -> bool:
    found = DATED.fullmatch(name)
    return found is not None and found["root"] == root


def _quotes(records: Records, symbol: str) -> pl.DataFrame:
    columns = {
        "ts": records["ts_recv"].astype(np.int64),
        "symbol": [symbol] * len(records),
        "bid": _points(records["bid_px_00"]),
        "ask": _points(records["ask_px_00"]),
        "bid_size": records["bid_sz_00"].astype(float),
        "ask_size": records["ask_sz_00"].astype(float),
    }
    sides = pl.col("bid").fill_nan(None), pl.col("ask").fill_nan(None)
    return pl.DataFrame(columns).with_columns(sides)


def _middles(records: Records, name: str) -> pl.DataFrame:
    middle = (_points(records["bid_px_00"]) + _points(records["ask_px_00"])) / 2
    ts = records["ts_recv"].astype(np.int64)
    frame = pl.DataFrame({"ts": ts, "future": [name] * len(records), "price": middle})
    return frame.filter(pl.col("price").is_finite())


def _bars(records: Records, name: str, seconds: int) -> pl.DataFrame:
    columns = {
        "ts": records["ts_event"].astype(np.int64) + seconds * SECOND,
        "future": [name] * len(records),
        **{one: _points(records[one]) for one in ("open", "high", "low", "close")},
        "volume": records["volume"].astype(float),
    }
    return pl.DataFrame(columns)


def _points(fixed: np.ndarray) -> np.ndarray:
    return np.where(fixed == UNDEFINED, np.nan, fixed * NANO)
