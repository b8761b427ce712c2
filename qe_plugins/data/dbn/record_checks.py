"""Check every record of a Databento file before any is used.

The engine's loader ends the process for some invalid records and accepts others as prices. So a
file is read to its end here, and the first invalid record is reported by number and field.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import msgspec
import numpy as np

from qe_plugins.data.dbn.files import PRELUDE, check_whole, decompressed, header_size, read_header
from qe_plugins.errors import DataError

BATCH = 100_000  # records checked at a time
UNDEFINED = 2**63 - 1
MOST_PRICE = 10**16  # of 1e-9 points: ten million
MOST_VOLUME = 10**12
FIRST, LAST = 946_684_800 * 10**9, 4_102_444_800 * 10**9  # the years 2000 to 2099
BARS = {"ohlcv-1s": 32, "ohlcv-1m": 33, "ohlcv-1h": 34, "ohlcv-1d": 35}
TRADED = {"trades": 0, "tbbo": 1}
QUOTED = ("mbp-1", "tbbo", "bbo-1s", "bbo-1m")
PRICES = ("open", "high", "low", "close")

type Columns = np.ndarray[Any, np.dtype[Any]]


class RecordType(msgspec.Struct, frozen=True):
    """Record type of a schema, and the layouts of its versions by size in bytes."""

    rtype: int
    layouts: dict[int, Any]


def _record_type(rtype: int, *messages: Any) -> RecordType:
    layouts = [np.dtype(message._dtypes) for message in messages]
    return RecordType(rtype, {layout.itemsize: layout for layout in layouts})


KINDS = {
    **{schema: _record_type(rtype, dbn.OHLCVMsg) for schema, rtype in BARS.items()},
    "trades": _record_type(0, dbn.TradeMsg),
    "mbp-1": _record_type(1, dbn.MBP1Msg),
    "tbbo": _record_type(1, dbn.MBP1Msg),
    "mbp-10": _record_type(10, dbn.MBP10Msg),
    "mbo": _record_type(160, dbn.MBOMsg),
    "bbo-1s": _record_type(195, dbn.BBOMsg),
    "bbo-1m": _record_type(196, dbn.BBOMsg),
    "status": _record_type(18, dbn.StatusMsg),
    "definition": _record_type(
        19, dbn.InstrumentDefMsg, dbn.InstrumentDefMsgV1, dbn.InstrumentDefMsgV2
    ),
    "statistics": _record_type(24, dbn.StatMsg, dbn.StatMsgV1),
}


def check_records(path: Path, place: str, name: str | None = None) -> int:
    """Read a file to its end and return its record count.

    Raises DataError, at `place`, where it is cut short, not DBN, or holds an invalid record; the
    message has `name` (by default the path), record number and field.
    """
    schema = read_header(path, place).schema
    rows = check_whole(path, place)
    if (kind := KINDS.get(schema)) is None:
        return rows
    before = 0
    for records in _record_batches(path, kind, place, name or str(path)):
        for field, wrong in _field_faults(records, schema, kind.rtype):
            if wrong.any():
                at = int(np.argmax(wrong))
                raise _record_error(name or str(path), before + at, field, records[at], place)
        before += len(records)
    return rows


def _field_faults(records: Columns, schema: str, rtype: int) -> Iterator[tuple[str, Any]]:
    """Yield each checked field with a mask of the records in which it is invalid."""
    size = records.dtype.itemsize // 4
    yield "length", records["length"] != size
    yield "rtype", records["rtype"] != rtype
    stamp = "ts_recv" if "ts_recv" in (records.dtype.names or ()) else "ts_event"
    times = records[stamp].astype(np.uint64)
    yield stamp, (times < FIRST) | (times >= LAST)
    if schema in BARS:
        for price in PRICES:
            yield price, _is_no_price(records[price])
        yield "high", records["high"] < records["low"]
        for price in ("open", "close"):
            yield price, (records[price] < records["low"]) | (records[price] > records["high"])
        yield "volume", records["volume"] > MOST_VOLUME
    if schema in TRADED:
        yield "price", _is_no_price(records["price"])
        yield "size", records["size"] == 0
    if schema in QUOTED:
        for price in ("bid_px_00", "ask_px_00"):
            yield price, (records[price] != UNDEFINED) & _is_no_price(records[price])


def _is_no_price(prices: Columns) -> Any:
    return (prices > MOST_PRICE) | (prices < -MOST_PRICE)


def _record_batches(path: Path, kind: RecordType, place: str, name: str) -> Iterator[Columns]:
    buffered, started = bytearray(), False
    layout: np.dtype[Any] = np.dtype("u1")
    for block in decompressed(path):
        buffered += block
        if not started and len(buffered) > PRELUDE and len(buffered) > header_size(buffered):
            del buffered[: header_size(buffered)]
            started = True
            if 4 * buffered[0] not in kind.layouts:
                raise DataError(
                    f"{name}, record 1: field 'length' is {buffered[0]}, which no record of this "
                    "schema has.",
                    where=place,
                    hint="Download the file again.",
                )
            layout = kind.layouts[4 * buffered[0]]
        while started and len(buffered) >= BATCH * layout.itemsize:
            yield np.frombuffer(bytes(buffered[: BATCH * layout.itemsize]), layout)
            del buffered[: BATCH * layout.itemsize]
    if started and buffered:
        yield np.frombuffer(
            bytes(buffered[: len(buffered) // layout.itemsize * layout.itemsize]), layout
        )


def _record_error(name: str, before: int, field: str, record: Any, place: str) -> DataError:
    is_price = field in PRICES or "px" in field or field == "price"
    value = f"{int(record[field]) / 1e9:.10g}" if is_price else f"{record[field]}"
    context = ""
    if field in PRICES:
        high, low = (int(record[one]) / 1e9 for one in ("high", "low"))
        context = f", with high {high:.10g} and low {low:.10g}"
    return DataError(
        f"{name}, record {before + 1:,}: field '{field}' cannot be {value}{context}.",
        where=place,
        hint="Download the file again.",
    )
