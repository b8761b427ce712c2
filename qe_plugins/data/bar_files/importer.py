"""Write a user's bars into a catalog of their own: all or nothing, with the checks of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins import state_dir
from qe_plugins.data.bar_files.mapping import BY_FILE, BarMapping, contract_of_file
from qe_plugins.data.bar_files.table import CSV, PARQUET, BarTable, read_file
from qe_plugins.data.catalog.catalog import RecordKind, open_catalog
from qe_plugins.data.catalog.selection import FAR
from qe_plugins.data.catalog.staging import staged
from qe_plugins.data.catalog.writer import bar_table, write_series
from qe_plugins.data.checks import source_checks
from qe_plugins.data.checks.completeness import PresentData, present
from qe_plugins.data.checks.prices import PRICES
from qe_plugins.data.dbn.bar_series import NANO, tick_of
from qe_plugins.data.dbn.instruments import futures_contract
from qe_plugins.errors import DataError
from qe_plugins.market.definitions import definition_by_rules


class ImportedBars(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog of a user's bars: `contracts` has the number of bars by contract id."""

    catalog: Path
    bars: str
    contracts: dict[str, int]
    present: list[PresentData]


def import_bars(source: Path | Any, mapping: BarMapping, out: Path | None = None) -> ImportedBars:
    """Write bars into a new catalog, `out` or a folder of the state folder, and return it.

    `source` is a CSV or Parquet file, a folder of them, or a frame of Polars or pandas (whose named
    index is a column). Raises DataError at row and column of what is wrong, and where the catalog
    exists already; nothing is written then.
    """
    stem = source.name.split(".")[0] if isinstance(source, Path) else "frame"
    place = (out or state_dir.data_dir() / f"bars-{stem}").absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        hint = "Name another folder with --out."
        raise DataError("is already there.", where=str(place), hint=hint)
    found = _by_contract(_tables(source, mapping))
    with staged(place) as part:
        coverage = _write_catalog(found, mapping, part, str(place))
    return ImportedBars(
        catalog=place,
        bars=mapping.bars,
        contracts={name: int(rows.sum()) for name, (_, rows) in found.items()},
        present=coverage,
    )


def _tables(source: Path | Any, mapping: BarMapping) -> Iterator[BarTable]:
    if isinstance(source, Path):
        for file in _files(source):
            contract = contract_of_file(mapping, file)
            yield BarTable(read_file(file, mapping), mapping, contract, str(file))
        return
    if mapping.contract == BY_FILE:
        raise DataError("a frame has no file name.", hint="Write the contract into the mapping.")
    yield BarTable(_polars(source), mapping, mapping.contract, "frame")


def _files(place: Path) -> list[Path]:
    if not place.exists():
        raise DataError("there is no such file or folder.", where=str(place))
    if place.is_file():
        return [place]
    found = sorted(one for one in place.iterdir() if one.suffix.lower() in (*CSV, *PARQUET))
    if not found:
        raise DataError("there are no tables of bars.", where=str(place))
    return found


def _polars(frame: Any) -> pl.DataFrame:
    if isinstance(frame, pl.DataFrame):
        return frame
    named = any(name is not None for name in frame.index.names)
    return pl.from_pandas(frame, include_index=named)


def _by_contract(tables: Iterable[BarTable]) -> dict[str, tuple[BarTable, np.ndarray]]:
    """Return, by name (`ESH24`), the table and which of its rows are the contract's."""
    found: dict[str, tuple[BarTable, np.ndarray]] = {}
    for table in tables:
        for text in table.contract.unique(maintain_order=True):
            rows = (table.contract == text).to_numpy()
            name = table.key_of(text, rows).name
            if name in found:
                raise DataError(
                    f"has bars of {name}, which {found[name][0].where} has too.",
                    where=table.where,
                    hint="Put the bars of a contract into one file; nothing was imported.",
                )
            found[name] = (table, rows)
    return found


def _write_catalog(
    found: Mapping[str, tuple[BarTable, np.ndarray]], mapping: BarMapping, folder: Path, place: str
) -> list[PresentData]:
    """Write contracts and bars into `folder`, check them as a run does, and return the coverage."""
    contracts = {name: _contract(table, rows) for name, (table, rows) in found.items()}
    ParquetDataCatalog(str(folder)).write_instruments(list(contracts.values()))
    for name, (table, rows) in found.items():
        contract = contracts[name]
        table.check_tick(rows, tick_of(contract))
        bars = bar_table(
            [table.prices[price][rows] for price in PRICES],
            table.volume[rows],
            table.closes[rows],
            scale=NANO,
            precision=contract.price_precision,
        )
        write_series(folder, RecordKind.BARS, f"{contract.id}-{mapping.bars}-EXTERNAL", bars)
    opened = open_catalog(folder, place)
    source_checks.check_contracts(opened.contracts, place)
    source_checks.check_series(opened.series, opened.contracts, 0, FAR, place)
    return present(opened.series, opened.contracts, 0, FAR)


def _contract(table: BarTable, rows: np.ndarray) -> FuturesContract:
    """Return a contract by the terms of `configs/markets.yaml`."""
    key = table.key_of(str(table.contract.filter(pl.Series(rows))[0]), rows)
    return futures_contract(definition_by_rules(key, int(table.closes[rows][0])))
