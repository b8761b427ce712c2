"""Everything read again: hash, rows, times, prices, sessions; a report by contract."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np

from qe_plugins.data.databento.bars import (
    SECONDS,
    Header,
    by_contract,
    header,
    read_records,
    record_size,
)
from qe_plugins.data.databento.checks import NANO, out_of_range, wrong_bars
from qe_plugins.data.databento.coverage import coverage, utc_days
from qe_plugins.data.databento.manifest import Book, Entry
from qe_plugins.data.databento.whole import read_whole
from qe_plugins.data.definitions import read_definitions
from qe_plugins.errors import DataError
from qe_plugins.market.keys import DATED
from qe_plugins.market.terms import markets

ROOT = re.compile(rf"{DATED.pattern}|(?P<series>[A-Z0-9]+)\.[cnv]\.\d+")
INTRADAY = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h")
RECORDS: dict[str, Any] = {
    "definition": databento_dbn.InstrumentDefMsg,
    "statistics": databento_dbn.StatMsg,
    "trades": databento_dbn.TradeMsg,
    "mbp-1": databento_dbn.MBP1Msg,
    "status": databento_dbn.StatusMsg,
}


class Copy(msgspec.Struct, frozen=True):
    """A file to verify. `entry` is what the manifest says of it, None where it has no manifest."""

    path: Path
    name: str
    entry: Entry | None = None


class Series(msgspec.Struct, frozen=True):
    """One contract's bars of one schema. Days are UTC; sessions are None without a calendar.

    `hole` is the longest time without a bar inside a session, in minutes of trading.
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


class Report(msgspec.Struct, frozen=True):
    """What was verified. `wrong` names every fault, of a file or a contract."""

    files: int
    rows: int
    series: list[Series]
    wrong: list[str]
    notes: list[str]


class _Found:
    """What is known so far of each contract and schema."""

    def __init__(self) -> None:
        self.stamps: dict[tuple[str, str], list[np.ndarray[Any, Any]]] = defaultdict(list)
        self.wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.notes: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.files: list[str] = []
        self.rows = 0


def copies(books: Iterable[Book]) -> list[Copy]:
    """Return every file of these datasets, those too that no manifest knows."""
    found: dict[Path, Copy] = {}
    for book in books:
        for path in sorted(book.folder.rglob("*.dbn.zst")):
            found[path] = Copy(path, path.relative_to(book.folder).as_posix())
        for name, entry in book.now.files.items():
            found[book.path(name)] = Copy(book.path(name), name, entry)
    return list(found.values())


def copies_in(place: Path) -> list[Copy]:
    """Return the files of a folder, or the one file. Raises DataError where there is none."""
    paths = [place] if place.is_file() else sorted(place.rglob("*.dbn.zst"))
    if not paths:
        raise DataError("there are no .dbn.zst files.", where=str(place), hint="Check the path.")
    return [Copy(path, path.name) for path in paths]


def verify(files: Sequence[Copy]) -> Report:
    """Read every file again and return what is wrong and what is worth knowing."""
    found = _Found()
    sound: list[tuple[Copy, int]] = []
    for one in files:
        try:
            sound.append((one, _rows(one, found)))
        except DataError as error:
            found.files.append(f"{one.name}: {error.message}")
    ticks = _ticks([one.path for one, _ in sound if header(one.path).schema == "definition"], found)
    for one, rows in sound:
        _look(one, rows, ticks, found)
    series = [_series(key, stamps, found) for key, stamps in sorted(found.stamps.items())]
    faults = [f"{one.contract} {one.schema}: {text}" for one in series for text in one.wrong]
    notes = [f"{one.contract} {one.schema}: {text}" for one in series for text in one.notes]
    strays = [f"{one.name}: is in no manifest; import it" for one in files if _is_stray(one, files)]
    return Report(len(files), found.rows, series, found.files + faults, notes + strays)


def _rows(copy: Copy, found: _Found) -> int:
    """Return the rows of a file that is whole and as written down. Raises DataError otherwise."""
    if not copy.path.exists():
        raise DataError("it is gone")
    whole = read_whole(copy.path, copy.name)
    if copy.entry and whole.sha256 != copy.entry.sha256:
        raise DataError("it was changed: its SHA-256 is not the one written down")
    if copy.entry and whole.rows != copy.entry.rows:
        raise DataError(f"it has {whole.rows:,} rows, and {copy.entry.rows:,} were written down")
    found.rows += whole.rows
    return whole.rows


def _ticks(files: list[Path], found: _Found) -> dict[str, int]:
    """Return the tick of every future and spread in 1e-9 points, by name."""
    defined = read_definitions(files)
    found.files += [str(refusal) for refusal in defined.refused]
    return {
        one.name: int(one.tick * NANO)
        for one in defined.contracts
        if one.tick is not None and one.tick_limit is None
    }


def _look(copy: Copy, rows: int, ticks: Mapping[str, int], found: _Found) -> None:
    about = header(copy.path)
    if about.schema in SECONDS:
        records = read_records(copy.path, rows)
        found.files += [f"{copy.name}: {text}" for text in _times(records["ts_event"], copy, about)]
        for name, mine in by_contract(records, about.names):
            if not name:
                found.files.append(f"{copy.name}: {len(mine):,} rows of ids that it does not name")
                continue
            key = (name, about.schema)
            tick = ticks.get(name) or _usual_tick(name)
            if tick is None and name not in ticks:
                found.notes[key].append("no definition says its tick")
            found.wrong[key] += wrong_bars(mine, tick)
            found.stamps[key].append(mine["ts_event"].astype(np.int64))
    elif about.schema in RECORDS:
        kind = np.dtype(RECORDS[about.schema]._dtypes)
        if record_size(copy.path) == kind.itemsize:
            stamps = read_records(copy.path, rows, kind)["ts_recv"]
            found.files += [f"{copy.name}: {text}" for text in _times(stamps, copy, about)]


def _times(stamps: np.ndarray[Any, Any], copy: Copy, about: Header) -> Iterator[str]:
    if copy.entry is not None and copy.entry.source != "import":
        yield from out_of_range(stamps, _midnight(copy.entry.start), _midnight(copy.entry.end))
    else:
        yield from out_of_range(stamps, about.start, about.end)


def _usual_tick(name: str) -> int | None:
    root = _root(name)
    terms = markets().roots.get(root) if root else None
    return int(terms.tick * NANO) if terms else None


def _root(name: str) -> str | None:
    """Return the root of a future or of a continuous series, None for anything else."""
    found = ROOT.fullmatch(name)
    return (found["root"] or found["series"]) if found else None


def _series(key: tuple[str, str], parts: list[np.ndarray[Any, Any]], found: _Found) -> Series:
    name, schema = key
    stamps = np.sort(np.concatenate(parts))
    notes = found.notes[key]
    if sum(map(len, parts)) > len(np.unique(stamps)) and len(parts) > 1:
        notes.append("some of its days are in more than one file")
    root = _root(name)
    covered = (
        coverage(root, stamps, SECONDS[schema] * NANO) if root and schema in INTRADAY else None
    )
    if covered and covered.outside:
        notes.append(f"{covered.outside:,} bars outside of trading hours")
    return Series(
        contract=name,
        schema=schema,
        bars=len(stamps),
        first=_moment(int(stamps[0])),
        last=_moment(int(stamps[-1])),
        days=utc_days(stamps),
        sessions=covered.present if covered else None,
        missing=covered.missing if covered else [],
        hole=covered.hole if covered else 0,
        hole_at=_moment(covered.hole_at) if covered and covered.hole else None,
        wrong=found.wrong[key],
        notes=notes,
    )


def _is_stray(copy: Copy, files: Sequence[Copy]) -> bool:
    return copy.entry is None and any(one.entry is not None for one in files)


def _midnight(day: date) -> int:
    moment = datetime.combine(day, time(), UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return moment // timedelta(seconds=1) * NANO


def _moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp // NANO, UTC)
