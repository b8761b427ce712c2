"""Report by contract on the bars of several files: faults, sessions covered, gaps."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from qe_plugins.data.checks.prices import NANO, PRICES, out_of_range, wrong_bars
from qe_plugins.data.checks.session_coverage import coverage, utc_days
from qe_plugins.data.dbn.records import SECONDS, Header, by_contract, read_records
from qe_plugins.data.dbn.symbol_map import Records
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import DATED
from qe_plugins.market.specs import markets

ROOT = re.compile(rf"{DATED.pattern}|(?P<series>[A-Z0-9]+)\.[cnv]\.\d+")
INTRADAY = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h")


class ContractReport(msgspec.Struct, frozen=True):
    """One contract's bars of one schema. Days are UTC; sessions are None without a calendar.

    `hole` is the longest gap inside a session, in minutes of trading; it begins at `hole_at`.
    """

    contract: str
    schema: str
    bars: int
    first: datetime
    last: datetime
    days: list[date]
    sessions: int | None
    missing: list[date]
    hole: int
    hole_at: datetime | None
    wrong: list[str]
    notes: list[str]


class BarAudit:
    """Collects and checks the bars of each contract and schema.

    `ticks` are the known ticks in units of 1e-9 points, by contract name.
    """

    def __init__(self, ticks: Mapping[str, int]) -> None:
        self._ticks = ticks
        self._stamps: dict[tuple[str, str], list[np.ndarray[Any, Any]]] = defaultdict(list)
        self._closes: dict[tuple[str, str], list[np.ndarray[Any, Any]]] = defaultdict(list)
        self._wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._notes: dict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, name: str, schema: str, records: Records) -> None:
        """Check the bars of one contract in one file, and store their times and closes."""
        key = (name, schema)
        tick = self._ticks.get(name) or _usual_tick(name)
        if tick is None:
            self._notes[key].append("no definition says its tick")
        prices = {one: records[one] for one in PRICES}
        self._wrong[key] += wrong_bars(prices, records["ts_event"], tick)
        self._stamps[key].append(records["ts_event"].astype(np.int64))
        self._closes[key].append(records["close"].copy())

    def reports(self) -> list[ContractReport]:
        """Return one report per contract and schema, sorted."""
        return [self._report(*key) for key in sorted(self._stamps)]

    def _report(self, name: str, schema: str) -> ContractReport:
        parts, notes = self._stamps[name, schema], list(self._notes[name, schema])
        stamps = np.sort(np.concatenate(parts))
        shared, differ = _count_shared(parts, self._closes[name, schema])
        if shared:
            notes.append(f"{shared:,} bars are in more than one file")
        root = _root_of_name(name)
        covered = (
            coverage(root, stamps, SECONDS[schema] * NANO) if root and schema in INTRADAY else None
        )
        if covered and covered.outside:
            notes.append(f"{covered.outside:,} bars outside of trading hours")
        return ContractReport(
            contract=name,
            schema=schema,
            bars=len(stamps),
            first=_utc_time(int(stamps[0])),
            last=_utc_time(int(stamps[-1])),
            days=utc_days(stamps),
            sessions=covered.present if covered else None,
            missing=covered.missing if covered else [],
            hole=covered.hole if covered else 0,
            hole_at=_utc_time(covered.hole_at) if covered and covered.hole else None,
            wrong=[*self._wrong[name, schema], *differ],
            notes=notes,
        )


def check_bars(path: Path, about: Header, rows: int, place: str) -> None:
    """Raise DataError for the first fault in the bars of a file.

    Ticks are those of `configs/markets.yaml`. Files of another schema are not checked.
    """
    if about.schema not in SECONDS:
        return
    records = read_records(path, rows)
    for text in out_of_range(records["ts_event"], about.start, about.end):
        raise DataError(f"{text}.", where=place)
    for name, mine in by_contract(records, about.names):
        if not name:
            raise DataError(f"{len(mine):,} rows of ids that it does not name.", where=place)
        prices = {one: mine[one] for one in PRICES}
        for text in wrong_bars(prices, mine["ts_event"], _usual_tick(name)):
            raise DataError(f"{name}: {text}.", where=place)


def _count_shared(
    stamps: list[np.ndarray[Any, Any]], closes: list[np.ndarray[Any, Any]]
) -> tuple[int, list[str]]:
    """Return the number of bars that several files have, and a message if they differ."""
    if len(stamps) == 1:
        return 0, []
    _, firsts = zip(*(np.unique(part, return_index=True) for part in stamps), strict=True)
    times = np.concatenate([part[first] for part, first in zip(stamps, firsts, strict=True)])
    prices = np.concatenate([part[first] for part, first in zip(closes, firsts, strict=True)])
    order = np.argsort(times, kind="stable")
    again = np.diff(times[order]) == 0
    differ = int((again & (np.diff(prices[order]) != 0)).sum())
    return int(again.sum()), [f"{differ:,} bars differ from file to file"] if differ else []


def _usual_tick(name: str) -> int | None:
    root = _root_of_name(name)
    terms = markets().roots.get(root) if root else None
    return int(terms.tick * NANO) if terms else None


def _root_of_name(name: str) -> str | None:
    """Return the root of a future or of a continuous series, None for anything else."""
    found = ROOT.fullmatch(name)
    return (found["root"] or found["series"]) if found else None


def _utc_time(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp // NANO, UTC)
