"""Resolve a symbol to dated contracts, by day.

A parent or a continuous series resolves to instrument ids, and an id to a raw name. Both hold only
for an interval: an id is unique only within a day, and a raw name repeats after ten years.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import msgspec

from qe_plugins.data.symbology.symbols import SType, Symbol, is_outright
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey, dated_key


class Interval(msgspec.Struct, frozen=True, order=True):
    """The symbol that another one stands for from `start` until `end`, exclusive (UTC days)."""

    start: date
    end: date
    symbol: str


class Resolver(Protocol):
    """A client of the vendor's `symbology.resolve`, which is free."""

    def resolve(
        self, symbols: Sequence[str], stype_in: SType, stype_out: SType, start: date, end: date
    ) -> dict[str, list[Interval]]:
        """Return the intervals of each symbol; symbols that resolve to nothing are left out."""


class SymbolSpan(msgspec.Struct, frozen=True, order=True):
    """A dated contract and the UTC days, `end` exclusive, on which a symbol stands for it."""

    start: date
    end: date
    key: ContractKey


def contract_spans(resolver: Resolver, symbol: Symbol, start: date, end: date) -> list[SymbolSpan]:
    """Return the dated contracts behind a symbol, in order of time; spreads and options left out.

    Raises DataError when the vendor resolves the symbol to no contract in these days.
    """
    names = _raw_names(resolver, symbol, start, end)
    spans = [
        SymbolSpan(name.start, name.end, key)
        for name in names
        if is_outright(name.symbol) and (key := dated_key(name.symbol, name.start)) is not None
    ]
    if not spans:
        raise DataError(
            f"stands for no contract from {start} to {end}.",
            where=repr(symbol.text),
            hint="Check the root and the dates; GLBX.MDP3 begins on 2010-06-06.",
        )
    return _merge_spans(sorted(spans))


def _raw_names(resolver: Resolver, symbol: Symbol, start: date, end: date) -> list[Interval]:
    if symbol.stype_in is SType.ID:
        ids = [Interval(start, end, symbol.text)]
    else:
        answer = resolver.resolve([symbol.text], symbol.stype_in, SType.ID, start, end)
        ids = [interval for intervals in answer.values() for interval in intervals]
    if symbol.stype_in is SType.RAW:
        return [Interval(i.start, i.end, symbol.text) for i in ids]
    wanted = sorted({interval.symbol for interval in ids})
    names = resolver.resolve(wanted, SType.ID, SType.RAW, start, end) if wanted else {}
    return [both for i in ids for name in names.get(i.symbol, []) if (both := _intersect(i, name))]


def _intersect(ids: Interval, name: Interval) -> Interval | None:
    start, end = max(ids.start, name.start), min(ids.end, name.end)
    return Interval(start, end, name.symbol) if start < end else None


def _merge_spans(spans: list[SymbolSpan]) -> list[SymbolSpan]:
    """Merge adjacent spans, such as a contract's before and after its id changed."""
    joined: dict[ContractKey, list[SymbolSpan]] = {}
    for span in spans:
        known = joined.setdefault(span.key, [])
        if known and known[-1].end >= span.start:
            span = SymbolSpan(known[-1].start, max(known.pop().end, span.end), span.key)
        known.append(span)
    return sorted(span for known in joined.values() for span in known)
