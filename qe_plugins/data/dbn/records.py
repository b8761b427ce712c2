"""Records of a whole Databento file as NumPy columns, and its bars by dated contract.

No Python object is built per record: ten years of minute bars are read in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np

from qe_plugins.data.dbn.files import open_stream, read_metadata
from qe_plugins.data.dbn.symbol_map import Records, SymbolMap, names_of_records, symbol_map
from qe_plugins.errors import DataError

RECORD = np.dtype(databento_dbn.OHLCVMsg._dtypes)
PRICES = ("open", "high", "low", "close")
SECONDS = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}


class Header(msgspec.Struct, frozen=True):
    """The header of a file. Times are UTC nanoseconds; `end` is None where it is open.

    `names` has what each instrument id stands for, by day.
    """

    dataset: str
    schema: str
    stype_in: str
    symbols: tuple[str, ...]
    start: int
    end: int | None
    names: SymbolMap


def full_header(path: Path) -> Header:
    """Return the header of a whole DBN file, with its symbol map.

    Raises DataError for a header that maps a name to something that is no instrument id.
    """
    with path.open("rb") as raw:
        metadata = read_metadata(open_stream(raw))
    return Header(
        dataset=metadata.dataset,
        schema=str(metadata.schema),
        stype_in=str(metadata.stype_in),
        symbols=tuple(metadata.symbols),
        start=metadata.start,
        end=metadata.end,
        names=symbol_map(metadata, path),
    )


def read_records(path: Path, rows: int, layout: np.dtype[Any] = RECORD) -> Records:
    """Return the records of a whole file of so many rows, in the file's order.

    `layout` is the type of one record, by default a bar. Raises DataError where the file has fewer.
    """
    records = np.empty(rows, layout)
    target = memoryview(records).cast("B") if rows else memoryview(bytearray())
    with path.open("rb") as raw:
        stream = open_stream(raw)
        read_metadata(stream)
        filled = 0
        while filled < len(target):
            if not (count := stream.readinto(target[filled:])):
                raise DataError("changed while it was read.", where=str(path))
            filled += count
    return records


def record_size(path: Path) -> int:
    """Return the bytes of one record of a whole file, 0 where it has none."""
    with path.open("rb") as raw:
        stream = open_stream(raw)
        read_metadata(stream)
        first = stream.read(1)
    return 4 * first[0] if first else 0


def by_contract(records: Records, names: SymbolMap) -> Iterator[tuple[str, Records]]:
    """Yield the bars of each instrument by name: `ESZ13` for a future, the raw name for others.

    Bars of ids that the file does not name on their day come under "".
    """
    found, index = names_of_records(records, names)
    for name in sorted(set(found)):
        own = np.array([one == name for one in found])[index]
        yield name, records if own.all() else records[own]
