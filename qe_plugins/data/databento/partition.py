"""Split a download request into file parts: each is one API request, one file, one price."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from qe_plugins.data.databento.request import DownloadRequest, RootRequest
from qe_plugins.data.symbology.resolver import Interval, Resolver, SymbolSpan, contract_spans
from qe_plugins.data.symbology.symbols import SType, Symbol
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.sessions import shifted

SESSIONS_AROUND = 5


class FilePart(msgspec.Struct, frozen=True, order=True):
    """Records of one schema and symbol on the UTC days from `start` until `end`, exclusive.

    `name` is used in the file's name: a dated contract (`ESZ13`) or a parent (`ES.FUT`).
    """

    root: str
    schema: str
    name: str
    start: date
    end: date
    symbol: str
    stype_in: str

    @property
    def stem(self) -> str:
        """Return the common prefix of the paths of this name and schema."""
        folder = "parent" if self.stype_in == SType.PARENT else "contracts"
        return f"{self.root}/{folder}/{self.name}.{self.schema}."

    @property
    def path(self) -> str:
        """Return the file's path in the dataset's folder."""
        return f"{self.stem}{self.start}.{self.end}.dbn.zst"


class Partition(msgspec.Struct, frozen=True):
    """The file parts of a request, and messages of what the vendor could not resolve."""

    parts: list[FilePart]
    unresolved: list[str]


class SymbolWindow(msgspec.Struct, frozen=True, order=True):
    """A symbol to request, and its UTC days, `end` exclusive."""

    start: date
    end: date
    name: str
    symbol: str
    stype_in: str


def plan(request: DownloadRequest, resolver: Resolver) -> Partition:
    """Return the file parts of a request, sorted. Raises DataError for an unknown symbol."""
    parts: set[FilePart] = set()
    unresolved: list[str] = []
    for root_request in request.root_requests():
        windows, gaps = _symbol_windows(root_request, resolver)
        unresolved += gaps
        for schema in root_request.schemas:
            parts |= {
                _file_part(root_request.root, schema, w)
                for whole in windows
                for w in _split_by_year(whole)
            }
    return Partition(sorted(parts), unresolved)


def _symbol_windows(
    request: RootRequest, resolver: Resolver
) -> tuple[list[SymbolWindow], list[str]]:
    windows: list[SymbolWindow] = []
    gaps: list[str] = []
    for symbol in request.symbols:
        if symbol.stype_in is SType.PARENT:
            windows.append(
                SymbolWindow(request.start, request.end, symbol.text, symbol.text, SType.PARENT)
            )
            continue
        spans = contract_spans(resolver, symbol, request.start, request.end)
        if symbol.stype_in is SType.CONTINUOUS:
            gaps += _gaps(symbol, spans, request)
            spans = _pad_spans(spans, request, _listed_days(resolver, spans, request))
        windows += [SymbolWindow(s.start, s.end, s.key.name, s.key.raw, SType.RAW) for s in spans]
    return windows, gaps


def _pad_spans(
    spans: list[SymbolSpan], request: RootRequest, listed: dict[ContractKey, SymbolSpan]
) -> list[SymbolSpan]:
    """Return the spans extended by five sessions on each side, where listed; overlaps are merged.

    The added days let an indicator warm up, and give both prices of every roll.
    """
    padded: list[SymbolSpan] = []
    for span in sorted(spans, key=lambda one: (one.key, one.start)):
        start = max(shifted(request.root, span.start, -SESSIONS_AROUND), listed[span.key].start)
        end = min(shifted(request.root, span.end, SESSIONS_AROUND), listed[span.key].end)
        if padded and padded[-1].key == span.key and padded[-1].end >= start:
            start, end = padded[-1].start, max(padded.pop().end, end)
        padded.append(SymbolSpan(start, end, span.key))
    return padded


def _listed_days(
    resolver: Resolver, spans: list[SymbolSpan], request: RootRequest
) -> dict[ContractKey, SymbolSpan]:
    """Return the days of the request on which each contract is listed."""
    keys = {span.key for span in spans}
    raw = sorted({key.raw for key in keys})
    answer = resolver.resolve(raw, SType.RAW, SType.ID, request.start, request.end)
    listed = {span.key: SymbolSpan(request.start, request.end, span.key) for span in spans}
    days: dict[ContractKey, list[Interval]] = {}
    for name, intervals in answer.items():
        for one in intervals:
            if (key := dated_key(name, one.start)) in keys and key is not None:
                days.setdefault(key, []).append(one)
    for key, found in days.items():
        first, last = min(one.start for one in found), max(one.end for one in found)
        listed[key] = SymbolSpan(max(first, request.start), min(last, request.end), key)
    return listed


def _gaps(symbol: Symbol, spans: list[SymbolSpan], request: RootRequest) -> list[str]:
    """Return messages of the days on which a continuous series has no contract."""
    covered, gaps = request.start, []
    for span in sorted(spans):
        if span.start > covered:
            gaps.append(f"{symbol.text} stands for no contract from {covered} until {span.start}")
        covered = max(covered, span.end)
    if covered < request.end:
        gaps.append(f"{symbol.text} stands for no contract from {covered} until {request.end}")
    return gaps


def _split_by_year(window: SymbolWindow) -> list[SymbolWindow]:
    """Return the window split at every New Year, so that each price belongs to one year."""
    years = range(window.start.year, (window.end - timedelta(days=1)).year + 1)
    return [
        msgspec.structs.replace(
            window,
            start=max(window.start, date(year, 1, 1)),
            end=min(window.end, date(year + 1, 1, 1)),
        )
        for year in years
    ]


def _file_part(root: str, schema: str, window: SymbolWindow) -> FilePart:
    return FilePart(
        root=root,
        schema=schema,
        name=window.name,
        start=window.start,
        end=window.end,
        symbol=window.symbol,
        stype_in=window.stype_in,
    )
