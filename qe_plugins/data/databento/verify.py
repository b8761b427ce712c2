"""Verify files on the disk: hash, rows, times, prices, sessions; report by contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import databento_dbn
import msgspec
import numpy as np

from qe_plugins.data.checks.prices import NANO, out_of_range
from qe_plugins.data.databento.bar_report import BarAudit, ContractReport
from qe_plugins.data.databento.catalog_stamp import FOLDER, REBUILD, faults, sources
from qe_plugins.data.databento.manifest import FileEntry, ManifestStore
from qe_plugins.data.dbn.definitions import read_definitions
from qe_plugins.data.dbn.files import CompleteFile, read_whole
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.data.dbn.records import (
    SECONDS,
    Header,
    by_contract,
    full_header,
    read_records,
    record_size,
)
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.errors import DataError


class FileToVerify(msgspec.Struct, frozen=True):
    """A file to verify. `entry` is its manifest entry, None for a file outside any manifest."""

    path: Path
    name: str
    entry: FileEntry | None = None


def dataset_files(stores: Iterable[ManifestStore]) -> list[FileToVerify]:
    """Return every file of these datasets, including files that no manifest lists."""
    found: dict[Path, FileToVerify] = {}
    for store in stores:
        for path in sorted(store.folder.rglob("*.dbn.zst")):
            found[path] = FileToVerify(path, path.relative_to(store.folder).as_posix())
        for name, entry in store.manifest.files.items():
            found[store.path(name)] = FileToVerify(store.path(name), name, entry)
    return list(found.values())


def files_in(place: Path) -> list[FileToVerify]:
    """Return the files of a folder, or the one file. Raises DataError without any."""
    paths = [place] if place.is_file() else sorted(place.rglob("*.dbn.zst"))
    if not paths:
        raise DataError("there are no .dbn.zst files.", where=str(place), hint="Check the path.")
    return [FileToVerify(path, path.name) for path in paths]


RECORDS: dict[str, Any] = {
    "definition": databento_dbn.InstrumentDefMsg,
    "statistics": databento_dbn.StatMsg,
    "trades": databento_dbn.TradeMsg,
    "mbp-1": databento_dbn.MBP1Msg,
    "status": databento_dbn.StatusMsg,
}


class VerifyReport(msgspec.Struct, frozen=True):
    """The result of a verification. `wrong` has every fault of a file or contract."""

    files: int
    rows: int
    series: list[ContractReport]
    wrong: list[str]
    notes: list[str]


def verify(files: Sequence[FileToVerify], stores: Iterable[ManifestStore] = ()) -> VerifyReport:
    """Read every file and the catalogs of datasets, and return their faults.

    A damaged file is one fault; the others are checked without it.
    """
    wrong: list[str] = []
    complete: list[tuple[FileToVerify, CompleteFile]] = []
    for one in files:
        try:
            complete.append((one, _read_unchanged(one)))
        except DataError as error:
            message = _error_text(error).removeprefix(f"{one.path} ").removeprefix(f"{one.name}, ")
            wrong.append(f"{one.name}: {message}")
    audit = BarAudit(
        _defined_ticks([one.path for one, w in complete if w.header.schema == "definition"], wrong)
    )
    for one, whole in complete:
        try:
            wrong += [f"{one.name}: {text}" for text in _check_rows(one, whole.rows, audit)]
        except (DataError, ValueError, KeyError, OSError) as error:
            wrong.append(f"{one.name}: {_error_text(error)}")
    wrong += [
        f"{FOLDER} of {one.manifest.dataset}: {text}"
        for one in stores
        for text in _catalog_faults(one)
    ]
    series = audit.reports()
    wrong += [f"{one.contract} {one.schema}: {text}" for one in series for text in one.wrong]
    notes = [f"{one.contract} {one.schema}: {text}" for one in series for text in one.notes]
    rows = sum(whole.rows for _, whole in complete)
    return VerifyReport(
        len(files), rows, series, wrong, [*notes, *_degraded_days(files), *_unlisted_files(files)]
    )


def _catalog_faults(store: ManifestStore) -> list[str]:
    """Return how the catalog of a dataset differs from its files."""
    folder = store.folder / FOLDER
    if not folder.is_dir():
        missing = bool(sources(store.manifest.files.values()))
        return [f"is not there; {REBUILD}"] if missing else []
    return [f"{text}; {REBUILD}" for text in faults(folder, store.manifest)]


def _error_text(error: Exception) -> str:
    text = error.message if isinstance(error, DataError) else f"cannot be read: {error}"
    return " ".join(text.split()).rstrip(".")


def _read_unchanged(file: FileToVerify) -> CompleteFile:
    """Return a file that is complete and equals its entry. Raises DataError for any other."""
    if not file.path.exists():
        raise DataError("it is gone")
    whole = read_whole(file.path, file.name)
    refuse_others(whole.header.dataset, file.name)
    if file.entry and whole.sha256 != file.entry.sha256:
        raise DataError("it was changed: its SHA-256 is not the one in the manifest")
    if file.entry and whole.rows != file.entry.rows:
        raise DataError(f"it has {whole.rows:,} rows, and the manifest says {file.entry.rows:,}")
    check_records(file.path, file.name, file.name)
    return whole


def _defined_ticks(files: list[Path], wrong: list[str]) -> dict[str, int]:
    """Return the tick of every future and spread in 1e-9 points, by name; add faults to `wrong`."""
    try:
        defined = read_definitions(files)
    except DataError as error:
        wrong.append(_error_text(error))
        return {}
    wrong += [str(refusal) for refusal in defined.refused]
    return {
        one.name: int(one.tick * NANO)
        for one in defined.contracts
        if one.tick is not None and one.tick_limit is None
    }


def _check_rows(file: FileToVerify, rows: int, audit: BarAudit) -> Iterator[str]:
    """Yield the faults of a file's rows as a whole; add its bars to the audit by contract."""
    about = full_header(file.path)
    if about.schema in SECONDS:
        records = read_records(file.path, rows)
        yield from _time_faults(records["ts_event"], file, about)
        for name, mine in by_contract(records, about.names):
            if name:
                audit.add(name, about.schema, mine)
            else:
                yield f"{len(mine):,} rows of ids that it does not name"
    elif about.schema in RECORDS:
        kind = np.dtype(RECORDS[about.schema]._dtypes)
        if record_size(file.path) == kind.itemsize:  # older versions of DBN have other sizes
            yield from _time_faults(read_records(file.path, rows, kind)["ts_recv"], file, about)


def _time_faults(stamps: np.ndarray[Any, Any], file: FileToVerify, about: Header) -> Iterator[str]:
    if file.entry is not None and file.entry.source != "import":
        yield from out_of_range(
            stamps, _midnight_ns(file.entry.start), _midnight_ns(file.entry.end)
        )
    else:
        yield from out_of_range(stamps, about.start, about.end)


def _degraded_days(files: Iterable[FileToVerify]) -> list[str]:
    """Return notes on the degraded days that were recorded at download."""
    known: dict[str, set[str]] = {}
    for one in files:
        for day, condition in one.entry.conditions.items() if one.entry else ():
            known.setdefault(f"{condition} by the vendor's word on {day}", set()).add(one.name)
    return [f"{what}: {len(names)} files" for what, names in sorted(known.items())]


def _unlisted_files(files: Iterable[FileToVerify]) -> list[str]:
    """Return notes on files that are in a dataset's folder and in no manifest."""
    files = list(files)
    if all(one.entry is None for one in files):
        return []
    return [f"{one.name}: is in no manifest; import it" for one in files if one.entry is None]


def _midnight_ns(day: date) -> int:
    moment = datetime.combine(day, time(), UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return moment // timedelta(seconds=1) * NANO
