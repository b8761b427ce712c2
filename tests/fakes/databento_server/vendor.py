"""The fake vendor's responses: request fields in, reply out, without transport."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tests.fakes.databento_server import archive as archives
from tests.fakes.databento_server.archive import Archive, Interval
from tests.fakes.databento_server.ledger import DOLLARS_PER_BYTE
from tests.fakes.databento_server.symbology import PAIRS, resolve

MOST_SYMBOLS = 2_000


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """A request that the vendor does not accept."""

    def __init__(self, status: int, case: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        detail = {
            "case": case,
            "message": message,
            "status_code": status,
            "docs": "https://databento.com/docs",
            "payload": None,
        }
        self.body = json.dumps({"detail": detail}).encode()


@dataclass(frozen=True)
class Reply:
    """An answer: a JSON document, or a stream of `rows` records that is billed by `billable`."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    billable: int = 0


@dataclass(frozen=True)
class Cut:
    """What a request for data comes to."""

    intervals: list[Interval]
    rows: Any
    start: int
    end: int

    @property
    def billable(self) -> int:
        return len(self.rows) * int(self.rows.dtype.itemsize)


@dataclass
class Vendor:
    """One dataset for sale. `conditions` lists the days that are not simply available.

    On the days of `unresolved` no continuous symbol means anything.
    """

    archive: Archive
    conditions: dict[dt.date, str] = field(default_factory=dict)
    unresolved: set[dt.date] = field(default_factory=set)

    def cut(self, fields: dict[str, str]) -> Cut:
        """Return the records that a request names. Raises Refused as the vendor would."""
        self._check(fields, "instrument_id")
        if fields["schema"] not in self.archive.records:
            raise Refused(422, "data_schema_not_supported", f"no schema {fields['schema']}")
        start, end = _time(fields["start"]), _time(fields["end"])
        first, until = start.date(), (end - pd.Timedelta(1)).date() + dt.timedelta(days=1)
        intervals = [
            interval
            for symbol in fields["symbols"].split(",")
            for interval in self._meaning(symbol, fields["stype_in"], first, until)
        ]
        if not intervals:
            raise Refused(422, "symbology_invalid_request", "None of the symbols could be resolved")
        rows = self.archive.rows(fields["schema"], intervals, start.value, end.value)
        return Cut(intervals, rows, start.value, end.value)

    def encode(self, fields: dict[str, str], cut: Cut, rows: Any) -> bytes:
        """Return `rows` of a cut as the bytes of a file."""
        symbols = fields["symbols"].split(",")
        schema, stype_in = fields["schema"], fields["stype_in"]
        span = (cut.start, cut.end)
        return archives.encode(self.archive, schema, stype_in, symbols, cut.intervals, span, rows)

    def get_record_count(self, fields: dict[str, str]) -> Any:
        return len(self.cut(fields).rows)

    def get_billable_size(self, fields: dict[str, str]) -> Any:
        return self.cut(fields).billable

    def get_cost(self, fields: dict[str, str]) -> Any:
        return self.cut(fields).billable * DOLLARS_PER_BYTE

    def get_dataset_range(self, fields: dict[str, str]) -> Any:
        return {"start": "2010-06-06T00:00:00.000000000Z", "end": "2026-01-01T00:00:00.000000000Z"}

    def get_dataset_condition(self, fields: dict[str, str]) -> Any:
        first, until = _time(fields["start_date"]).date(), _time(fields["end_date"]).date()
        days = [first + dt.timedelta(days=n) for n in range((until - first).days + 1)]
        return [self._condition(day) for day in days if day.weekday() != 5]

    def _condition(self, day: dt.date) -> dict[str, str | None]:
        condition = self.conditions.get(day, "available")
        modified = None if condition == "missing" else "2026-01-01"
        return {"date": day.isoformat(), "condition": condition, "last_modified_date": modified}

    def resolve(self, fields: dict[str, str]) -> Any:
        """Answer `symbology.resolve`."""
        self._check(fields, fields["stype_out"])
        symbols = fields["symbols"].split(",")
        first, until = _time(fields["start_date"]).date(), _time(fields["end_date"]).date()
        found = {
            symbol: self._meaning(symbol, fields["stype_in"], first, until) for symbol in symbols
        }
        missing = [symbol for symbol in symbols if not found[symbol]]
        partial = [
            symbol
            for symbol in symbols
            if found[symbol] and not _covers(found[symbol], first, until)
        ]
        return {
            "result": {
                symbol: [self._answer(one, fields["stype_out"]) for one in intervals]
                for symbol, intervals in found.items()
            },
            "symbols": symbols,
            "stype_in": fields["stype_in"],
            "stype_out": fields["stype_out"],
            "start_date": fields["start_date"],
            "end_date": fields["end_date"],
            "partial": partial,
            "not_found": missing,
            "message": "Not found" if missing else "Partially resolved" if partial else "OK",
            "status": 2 if missing else 1 if partial else 0,
        }

    def warning(self, cut: Cut) -> dict[str, str]:
        """Return the header that comes with a stream over days of reduced quality."""
        days = sorted(
            day
            for day, condition in self.conditions.items()
            if condition != "available" and cut.start <= archives.nanoseconds(day) < cut.end
        )
        if not days:
            return {}
        text = ", ".join(f"{day} ({self.conditions[day]})" for day in days)
        message = (
            "Warning: The streaming request contained one or more days which have reduced "
            f"quality: {text}."
        )
        return {"X-Warning": json.dumps([message])}

    def _check(self, fields: dict[str, str], stype_out: str) -> None:
        if fields["dataset"] != self.archive.dataset:
            raise Refused(422, "data_invalid_dataset", f"no dataset {fields['dataset']}")
        if stype_out not in PAIRS.get(fields["stype_in"], set()):
            raise Refused(
                422,
                "symbology_invalid_request",
                f"cannot map {fields['stype_in']} to {stype_out}",
            )
        if fields["symbols"].count(",") >= MOST_SYMBOLS:
            raise Refused(422, "symbology_too_many_symbols", "at most 2,000 symbols a request")

    def _meaning(
        self, symbol: str, stype_in: str, first: dt.date, until: dt.date
    ) -> list[Interval]:
        if symbol == "ALL_SYMBOLS":
            return [Interval(one.raw_symbol, one.id, first, until) for one in self.archive.listings]
        intervals = resolve(self.archive, symbol, stype_in, first, until)
        if stype_in != "continuous":
            return intervals
        for day in sorted(self.unresolved):
            intervals = [part for one in intervals for part in _without(one, day)]
        return intervals

    def _answer(self, interval: Interval, stype_out: str) -> dict[str, str]:
        names = {one.id: one.raw_symbol for one in self.archive.listings}
        symbol = names[interval.id] if stype_out == "raw_symbol" else str(interval.id)
        return {"d0": interval.first.isoformat(), "d1": interval.until.isoformat(), "s": symbol}


def _time(text: str) -> pd.Timestamp:
    stamp = pd.Timestamp(text)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _covers(intervals: list[Interval], first: dt.date, until: dt.date) -> bool:
    days = {
        one.first + dt.timedelta(days=n)
        for one in intervals
        for n in range((one.until - one.first).days)
    }
    return len(days) == (until - first).days


def _without(interval: Interval, day: dt.date) -> list[Interval]:
    if not interval.first <= day < interval.until:
        return [interval]
    after = day + dt.timedelta(days=1)
    parts = [
        Interval(interval.name, interval.id, interval.first, day),
        Interval(interval.name, interval.id, after, interval.until),
    ]
    return [part for part in parts if part.first < part.until]
