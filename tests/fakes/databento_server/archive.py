"""The fake vendor's data: records by schema, and the name of each instrument by day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import databento
import numpy as np
import zstandard
from databento_dbn import Metadata, Schema, SType

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Listing:
    """An instrument and the UTC days of its listing: `first` inclusive, `until` exclusive."""

    id: int
    raw_symbol: str
    root: str
    outright: bool
    first: dt.date
    until: dt.date


@dataclass(frozen=True)
class Interval:
    """`name` meant instrument `id` from `first` (inclusive) to `until` (exclusive)."""

    name: str
    id: int
    first: dt.date
    until: dt.date


@dataclass(frozen=True)
class _Span:
    start_date: dt.date
    end_date: dt.date
    symbol: str


@dataclass(frozen=True)
class _Mapping:
    raw_symbol: str
    intervals: list[_Span]


@dataclass
class Archive:
    """Genuine DBN records, sorted by time, one array a schema."""

    dataset: str
    listings: list[Listing]
    records: dict[str, Any] = field(default_factory=dict)

    def rows(self, schema: str, intervals: list[Interval], start: int, end: int) -> Any:
        """Return the records of `schema` that `intervals` name, from `start` until `end`, in ns."""
        everything = self.records[schema]
        stamps = everything[index_of(everything)]
        wanted = np.zeros(len(everything), dtype=bool)
        for interval in intervals:
            wanted |= (
                (everything["instrument_id"] == interval.id)
                & (stamps >= nanoseconds(interval.first))
                & (stamps < nanoseconds(interval.until))
            )
        return everything[wanted & (stamps >= start) & (stamps < end)]

    def volume(self, day: dt.date) -> dict[int, int]:
        """Return contracts traded on the UTC `day`, by instrument id."""
        schema = "ohlcv-1d" if "ohlcv-1d" in self.records else "ohlcv-1m"
        bars = self.records[schema]
        start = nanoseconds(day)
        bars = bars[(bars["ts_event"] >= start) & (bars["ts_event"] < start + DAY_NS)]
        return {
            int(id_): int(bars["volume"][bars["instrument_id"] == id_].sum())
            for id_ in np.unique(bars["instrument_id"])
        }


def nanoseconds(day: dt.date) -> int:
    """Return midnight UTC of `day` in UNIX nanoseconds."""
    return (day - dt.date(1970, 1, 1)).days * DAY_NS


def index_of(records: Any) -> str:
    """Return the name of the time field that the vendor filters on."""
    return "ts_recv" if "ts_recv" in records.dtype.names else "ts_event"


def from_files(folder: Path) -> Archive:
    """Return the `ES.FUT` files of `folder` as an archive."""
    records, listings = {}, []
    for path in sorted(folder.glob("ES.FUT_parent_*.dbn.zst")):
        store = databento.DBNStore.from_file(path)
        records[str(store.schema)] = store.to_ndarray()
        if str(store.schema) == "definition":
            listings = [
                Listing(int(i["symbol"]), raw, "ES", True, i["start_date"], i["end_date"])
                for raw, intervals in store.metadata.mappings.items()
                for i in intervals
            ]
    return Archive("GLBX.MDP3", listings, records)


def encode(
    archive: Archive,
    schema: str,
    stype_in: str,
    symbols: list[str],
    intervals: list[Interval],
    span: tuple[int, int],
    rows: Any,
) -> bytes:
    """Return `rows` as a `.dbn.zst` file; `span` is start and end of the request in ns."""
    metadata = _header(archive, schema, stype_in, symbols, intervals, span)
    return zstandard.compress(metadata.encode() + rows.tobytes())


def _header(
    archive: Archive,
    schema: str,
    stype_in: str,
    symbols: list[str],
    intervals: list[Interval],
    span: tuple[int, int],
) -> Metadata:
    """Return DBN metadata: parents map by resolved raw symbol, everything else as it was asked."""
    raw = {listing.id: listing.raw_symbol for listing in archive.listings}
    spans: dict[str, list[_Span]] = {}
    for i in intervals:
        name = raw[i.id] if stype_in == "parent" else i.name
        spans.setdefault(name, []).append(_Span(i.first, i.until, str(i.id)))
    found = {interval.name for interval in intervals}
    return Metadata(
        dataset=archive.dataset,
        schema=Schema.from_str(schema),
        start=span[0],
        end=span[1],
        stype_in=SType.from_str(stype_in),
        stype_out=SType.INSTRUMENT_ID,
        symbols=symbols,
        not_found=[symbol for symbol in symbols if symbol not in found],
        mappings=[_Mapping(name, intervals) for name, intervals in spans.items()],
    )
