"""Which contract an instrument id stands for on a day, as the header of a Databento file says.

Databento reuses instrument ids, and CME reuses raw names every ten years: an id names a contract
only together with a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np

from qe_plugins.data.symbology.symbols import is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key

DAY_NS = 86_400_000_000_000
EPOCH = date(1970, 1, 1)
NO_NAME = ""
LONGEST_ID = 10  # digits of an unsigned 32-bit number
DAY_BITS = 20  # enough for the days of any UTC nanosecond since 1970

type Records = np.ndarray[Any, np.dtype[Any]]


class SymbolInterval(msgspec.Struct, frozen=True):
    """`name` is what an instrument id stands for on the UTC days `start` until `end`, exclusive."""

    start: date
    end: date
    name: str


type SymbolMap = Mapping[int, list[SymbolInterval]]
"""The intervals of each instrument id."""


def symbol_map(
    metadata: databento_dbn.Metadata, path: Path, wanted: Callable[[str], bool] = lambda _: True
) -> SymbolMap:
    """Return the symbol map of a file at `path`, of the raw names that are `wanted`.

    Raises DataError for a header that maps a name to something that is no instrument id.
    """
    symbols: dict[int, list[SymbolInterval]] = {}
    for name, intervals in metadata.mappings.items():
        for one in intervals if wanted(name) else ():
            if one["symbol"]:
                interval = SymbolInterval(one["start_date"], one["end_date"], name)
                symbols.setdefault(_instrument_id(one["symbol"], path), []).append(interval)
    return symbols


def name_on(instrument: int, day: date, symbols: SymbolMap) -> str:
    """Return the name of an instrument id on a UTC day; "" where the file gives none.

    A future is named with a two-digit year, `ESZ13`, anything else by its raw name.
    """
    for one in symbols.get(instrument, ()):
        if one.start <= day < one.end:
            key = dated_key(one.name, day) if is_outright(one.name) else None
            return key.name if key else one.name
    return NO_NAME


def names_of_records(records: Records, symbols: SymbolMap) -> tuple[list[str], np.ndarray]:
    """Return names, and for each record the index of its own: one name per id and day of them."""
    days = records["ts_event"].astype(np.int64) // DAY_NS
    ids_and_days, index = np.unique(
        records["instrument_id"].astype(np.int64) << DAY_BITS | days, return_inverse=True
    )
    mask = (1 << DAY_BITS) - 1
    names = [
        name_on(pair >> DAY_BITS, EPOCH + timedelta(days=pair & mask), symbols)
        for pair in ids_and_days.tolist()
    ]
    return names, index


def _instrument_id(text: str, path: Path) -> int:
    if not text.isdecimal() or len(text) > LONGEST_ID:
        raise DataError(f"{path} maps a name to {text[:20]!r}, which is no instrument id.")
    return int(text)
