"""Open a Parquet catalog as Nautilus 2 writes it: its contracts, and its records as series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model import (
    Bar,
    FuturesContract,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.catalog import row_groups, settlements
from qe_plugins.data.catalog.row_groups import RowGroup
from qe_plugins.data.catalog.settlements import Settlement
from qe_plugins.errors import DataError

VERSION_1_FOLDERS = ("bar", "quote_tick", "trade_tick")  # folders of a version 1 catalog


def refuse_version_1(folder: Path, place: str) -> None:
    """Raise DataError for a catalog with the folders of version 1."""
    for name in VERSION_1_FOLDERS:
        if (folder / "data" / name).is_dir():
            raise _version_1(f"{folder} is a catalog of Nautilus 1 (it has 'data/{name}').", place)


def refuse_zeros(file: Path, place: str) -> None:
    """Raise DataError for prices in a layout that the engine would silently read as zero."""
    with pq.ParquetFile(file) as parquet:
        for field in parquet.schema_arrow:
            if field.name in ("close", "bid_price", "price") and not pa.types.is_decimal(
                field.type
            ):
                raise _version_1(f"{file} holds prices as {field.type}, not as decimals.", place)


def _version_1(message: str, place: str) -> DataError:
    return DataError(
        message,
        where=place,
        hint="Write it again with Nautilus 2, or point 'dbn:' at the files it came from.",
    )


type Record = Bar | QuoteTick | TradeTick

REFUSED = "refused.json"


class RecordKind(Enum):
    """Kinds of record, valued by their folder, in the order of delivery at one instant."""

    QUOTES = "quotes"
    TRADES = "trades"
    BARS = "bars"


class CatalogSeries(msgspec.Struct, frozen=True):
    """Records of one kind of one contract. `name` is the bar type, or the contract's id."""

    kind: RecordKind
    name: str
    contract: str
    groups: tuple[RowGroup, ...]

    @property
    def spec(self) -> str:
        """Return the bar specification of bars, `1-MINUTE-LAST`."""
        return "-".join(self.name.split("-")[-4:-1])

    @property
    def files(self) -> list[Path]:
        """Return the files that have its row groups, each once, in the order of its records."""
        return list(dict.fromkeys(group.file for group in self.groups))

    @property
    def file_states(self) -> list[tuple[str, int, int]]:
        """Return path, size and time of change of each file: the key of what is made of them."""
        states = [(file.resolve(), file.stat()) for file in self.files]
        return [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in states]


class Catalog(msgspec.Struct, frozen=True):
    """The futures in a catalog: contracts by id, their series, and their settlement prices.

    `refused` has the reason for each contract that was left out, by name (`ZNH24`).
    """

    folder: Path
    contracts: dict[str, FuturesContract]
    series: tuple[CatalogSeries, ...]
    settlements: Mapping[str, Settlement] = {}
    refused: Mapping[str, str] = {}


def open_catalog(folder: Path, place: str) -> Catalog:
    """Return the content of the catalog at `folder`. `place` names the setting in errors.

    Raises DataError where there is no catalog, it is of version 1, or it has no futures.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}.", where=place, hint="Check the path.")
    refuse_version_1(folder, place)
    refused = read_refused(folder)
    if refused and not (folder / "data" / "futures_contract").is_dir():
        raise refusal(list(refused.values()), place)
    if not (folder / "data").is_dir():
        raise DataError(
            f"{folder} is no Parquet catalog: it has no folder 'data'.",
            where=place,
            hint="Give the folder that ParquetDataCatalog wrote, or use 'dbn:'.",
        )
    contracts = _read_contracts(folder, place)
    if not contracts:
        raise DataError(
            f"{folder} has no dated futures contracts.",
            where=place,
            hint="Write the instruments into the catalog with 'write_instruments'.",
        )
    found = [
        _read_series(kind, path, place)
        for kind in RecordKind
        for path in _series_folders(folder, kind)
    ]
    series = tuple(one for one in found if one.contract in contracts)
    return Catalog(folder, contracts, series, settlements.read(folder, place), refused)


def open_series(folder: Path, kind: RecordKind, place: str) -> tuple[CatalogSeries, ...]:
    """Return the series of one kind in a catalog, whatever contracts they are of.

    Raises DataError where one cannot be read.
    """
    return tuple(_read_series(kind, path, place) for path in _series_folders(folder, kind))


def refusal(reasons: Sequence[str], place: str) -> DataError:
    """Return the error for refused definitions; it shows the first reason."""
    more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return DataError(
        f"refused: {reasons[0]}{more}.",
        where=place,
        hint="Profits would be wrong: get the definitions again, or correct terms that changed.",
    )


def write_refused(folder: Path, refused: Mapping[str, str]) -> None:
    """Write into a catalog's folder why contracts are not in it, by name."""
    (folder / REFUSED).write_bytes(msgspec.json.encode(refused))


def read_refused(folder: Path) -> dict[str, str]:
    """Return the reasons that `write_refused` wrote; none without its file."""
    try:
        return msgspec.json.decode((folder / REFUSED).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def _read_contracts(folder: Path, place: str) -> dict[str, FuturesContract]:
    """Return the futures by id; of several versions of one, the latest."""
    instruments_folder = folder / "data" / "futures_contract"
    every = _read_or_raise(
        instruments_folder, place, lambda _: ParquetDataCatalog(str(folder)).instruments()
    )
    futures = [one for one in every if isinstance(one, FuturesContract) and _is_dated(one)]
    return {str(one.id): one for one in sorted(futures, key=lambda one: one.ts_init)}


def _is_dated(contract: FuturesContract) -> bool:
    """Say whether this is a contract and not a continuous series such as `ES.c.0`."""
    return "." not in str(contract.id.symbol)


def _series_folders(folder: Path, kind: RecordKind) -> Iterable[Path]:
    return sorted(path for path in (folder / "data" / kind.value).glob("*") if path.is_dir())


def _read_series(kind: RecordKind, path: Path, place: str) -> CatalogSeries:
    files = sorted(path.glob("*.parquet"))
    for file in files[:1]:
        _read_or_raise(file, place, lambda file: refuse_zeros(file, place))
    groups = tuple(g for file in files for g in _read_or_raise(file, place, row_groups.groups))
    contract = path.name.rsplit("-", 4)[0] if kind is RecordKind.BARS else path.name
    return CatalogSeries(kind, path.name, contract, groups)


def _read_or_raise[T](file: Path, place: str, read: Callable[[Path], T]) -> T:
    try:
        return read(file)
    except (pa.ArrowException, OSError, ValueError, RuntimeError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{file} cannot be read: {reason}",
            where=place,
            hint="Write the catalog again from its source.",
        ) from error
