"""Databento files as a source: find them, select schemas, decode them once into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from qe_plugins.config.schema import DataSettings
from qe_plugins.data.catalog import selection
from qe_plugins.data.catalog.bar_spec import read_as
from qe_plugins.data.catalog.build_cache import cached
from qe_plugins.data.catalog.catalog import Catalog, RecordKind, open_catalog
from qe_plugins.data.catalog.selection import Where
from qe_plugins.data.checks.prices import moment
from qe_plugins.data.dbn import final_settlements, statistics
from qe_plugins.data.dbn.bar_series import BAR_SCHEMAS, BarFile, write_bars
from qe_plugins.data.dbn.decoder import LOADS, decode, refuse_undefined
from qe_plugins.data.dbn.files import DbnFile, digest, read_header
from qe_plugins.data.dbn.instruments import read_futures, write_instruments
from qe_plugins.data.dbn.record_checks import check_records
from qe_plugins.data.symbology.dataset import refuse_others
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import dated_key

FORM = "2"  # version of the decoded catalog; a change rebuilds every cache
DEFINITION = "definition"
SUFFIX = ".dbn.zst"


def open_source(data: DataSettings, where: Where) -> tuple[str, Catalog]:
    """Return the names of the configured files and their catalog, decoded on first use.

    The cache is keyed by the content of the files, so a changed file is decoded again. Raises
    DataError for files that are missing, cut short, not DBN, or a continuous series.
    """
    place = where("dbn")
    given = [Path(one).expanduser() for one in _as_list(data.dbn)]
    every = _dated_files(given, place)
    for file in every:
        refuse_others(file.dataset, f"{place}: {file.path}")
    schemas = _chosen_schemas({file.schema for file in every}, data, where)
    used = (DEFINITION, statistics.SCHEMA, *schemas.values())
    files = [file for file in every if file.schema in used]
    if not any(file.schema == DEFINITION for file in files):
        raise _no_definitions_error(place)
    opened = cached(
        "dbn",
        _cache_key(files, schemas),
        build=lambda folder: _build_catalog(files, schemas, folder, place),
        read=lambda folder: open_catalog(folder, place),
    )
    return ", ".join(one.resolve().name for one in given), opened


def _build_catalog(
    files: Sequence[DbnFile], schemas: dict[RecordKind, str], folder: Path, place: str
) -> None:
    rows = {file.path: check_records(file.path, place) for file in files}
    with _located(place):
        found = read_futures([file.path for file in files if file.schema == DEFINITION], place)
        refused = {one.name for one in found.refused}
        recorded = [one for one in files if one.schema in schemas.values()]
        refuse_undefined(recorded, found.contracts, refused, place)
        write_instruments(found, folder)
        bars = [
            BarFile(one.path, one.schema, rows[one.path])
            for one in files
            if one.schema == schemas.get(RecordKind.BARS)
        ]
        written = write_bars(bars, found.contracts, folder)
        _refuse_undefined_bars(written.left, refused, bars, place)
        decode(recorded, schemas, found.contracts, folder, place)
        final_settlements.write_settlements([file.path for file in files], folder)


@contextmanager
def _located(place: str) -> Iterator[None]:
    """Set the location of the setting in every DataError."""
    try:
        yield
    except DataError as error:
        if error.where == place:
            raise
        text = f"{error.where}: {error.message}" if error.where else error.message
        raise DataError(text, where=place, hint=error.hint) from error


def _refuse_undefined_bars(
    left: Mapping[str, int], refused: Collection[str], files: Sequence[BarFile], place: str
) -> None:
    """Raise DataError for bars of a contract that no definition covers."""
    for name, first in left.items():
        if name not in refused and (key := dated_key(name, date.min)):
            raise DataError(
                f"{files[0].path.parent} has {key.raw} at {moment(first)}, when every {key.raw} "
                "that is defined had expired.",
                where=place,
                hint="Add Databento's 'definition' file of the same symbols and days.",
            )


def _cache_key(files: Sequence[DbnFile], schemas: dict[RecordKind, str]) -> str:
    parts = [FORM, *(f"{kind.value} {schema}" for kind, schema in schemas.items())]
    parts += [f"{file.path.name} {digest(file.path)}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _as_list(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _dated_files(given: Sequence[Path], place: str) -> list[DbnFile]:
    """Return the files by name. Continuous files in a folder are skipped; a named one raises."""
    named = [read_header(path, place) for path in given if path.is_file()]
    found = [
        read_header(p, place) for one in given if not one.is_file() for p in _files_in(one, place)
    ]
    records = [file for file in (*named, *found) if file.schema != DEFINITION]
    spliced = [file for file in records if file.continuous]
    if spliced and (spliced == records or any(file.continuous for file in named)):
        raise _continuous_error(spliced[0], place)
    dated = {file.path.resolve(): file for file in (*named, *found) if not file.continuous}
    return sorted(dated.values(), key=lambda file: (file.path.name, str(file.path)))


def _chosen_schemas(present: set[str], data: DataSettings, where: Where) -> dict[RecordKind, str]:
    """Return the schema to use for each kind of record."""
    bars = {spec: schema for schema, spec in BAR_SCHEMAS.items() if schema in present}
    spec = read_as(data.bars, bars)
    if spec not in bars:
        selection.refuse_absent_bars(bars, data, where)
    asked = {RecordKind.QUOTES: data.quotes, RecordKind.TRADES: data.trades}
    ticks = {
        kind: next((schema for schema in LOADS[kind] if schema in present), None)
        for kind, on in asked.items()
        if on
    }
    every = {RecordKind.BARS: bars.get(spec), **ticks}
    return {kind: schema for kind, schema in every.items() if schema}


def _files_in(folder: Path, place: str) -> list[Path]:
    if not folder.is_dir():
        raise DataError(
            f"there is no file or folder {folder}.", where=place, hint="Check the path."
        )
    if files := sorted(folder.rglob(f"*{SUFFIX}")):
        return files
    raise DataError(
        f"{folder} has no {SUFFIX} files.",
        where=place,
        hint="Give the folder that holds Databento's definitions and bars.",
    )


def _continuous_error(file: DbnFile, place: str) -> DataError:
    return DataError(
        f"{file.path} is a continuous series: contracts spliced into one, which cannot be traded.",
        where=place,
        hint="Give dated contracts: the parent (ES.FUT) or raw symbols (ESZ3).",
    )


def _no_definitions_error(place: str) -> DataError:
    return DataError(
        "the files have no definitions of their contracts.",
        where=place,
        hint="Add Databento's 'definition' file of the same symbols and days.",
    )
