"""Option chains on disk under `QE_HOME`: contracts of a root, and one file of quotes a UTC day."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import polars as pl

from qe_plugins.data.options.databento import read_databento
from qe_plugins.data.options.frames import BARS, FUTURES, ChainData, days_of
from qe_plugins.data.options.lean import is_lean, read_lean
from qe_plugins.errors import DataError
from qe_plugins.market.listed_options import ListedOption
from qe_plugins.state_dir import data_dir

FOLDER = "option_chains"
FORM = 1
CONTRACTS = "contracts.json"


class StoredContracts(msgspec.Struct, frozen=True):
    """Contracts of a root by symbol, and the first UTC day on which each was known."""

    form: int
    contracts: dict[str, ListedOption]
    known: dict[str, date]


def read_source(folder: Path, root: str) -> ChainData:
    """Return the chains of a root in LEAN's or Databento's files.

    Raises DataError for a folder that has neither.
    """
    if not folder.is_dir():
        raise DataError("there is no such folder.", where=str(folder), hint="Check the path.")
    return read_lean(folder, root) if is_lean(folder) else read_databento(folder, root)


def store(data: ChainData) -> Path:
    """Write chains to the store and return its folder. A day that is there already is replaced."""
    folder = _folder(data.root)
    folder.mkdir(parents=True, exist_ok=True)
    before = _contracts(folder)
    contracts = {**(before.contracts if before else {}), **data.contracts}
    known = dict(before.known) if before else {}
    for symbol, day in data.known.items():
        known[symbol] = min(day, known.get(symbol, day))
    for name, frame in (
        ("quotes", data.quotes),
        ("futures", data.futures),
        ("bars", data.bars),
    ):
        for day in days_of(frame["ts"]):
            _write(frame.filter(_on(day)), folder / f"{day}.{name}.parquet")
    content = msgspec.json.encode(StoredContracts(FORM, contracts, known))
    part = folder / f"{CONTRACTS}.part"
    part.write_bytes(content)
    os.replace(part, folder / CONTRACTS)
    return folder


def stored_days(root: str) -> list[date]:
    """Return the UTC days of a root's chains in the store."""
    names = (one.name.partition(".")[0] for one in _folder(root).glob("*.quotes.parquet"))
    return sorted(map(date.fromisoformat, names))


def stored_contracts(root: str) -> dict[str, ListedOption]:
    """Return every contract of a root in the store by symbol; none where there is no store."""
    found = _contracts(_folder(root))
    return found.contracts if found else {}


def fingerprint(root: str, days: Sequence[date]) -> str:
    """Return a text that changes with the content of the store's files of some days."""
    files = [_folder(root) / CONTRACTS]
    files += [one for day in days for one in sorted(_folder(root).glob(f"{day}.*.parquet"))]
    stats = [(one.name, one.stat()) for one in files]
    return ";".join(f"{name},{stat.st_size},{stat.st_mtime_ns}" for name, stat in stats)


def import_hint(root: str) -> str:
    """Return how chains of a root get into the store."""
    return f"Import files with 'qe options import FOLDER --root {root}'."


def load(root: str, day: date) -> ChainData:
    """Return the chains of one UTC day, of contracts that were known by then.

    Raises DataError where the store has no such day, or was written by another version.
    """
    folder, days = _folder(root), stored_days(root)
    stored = _contracts(folder)
    if stored is None or day not in days:
        have = f"The store has {', '.join(map(str, days[-6:])) or 'none of it'}."
        raise DataError(
            f"no option chain of {root} on {day}.",
            where="options",
            hint=f"{have} {import_hint(root)}",
        )
    listed = {s: one for s, one in stored.contracts.items() if stored.known.get(s, day) <= day}
    return ChainData(
        root=root,
        contracts=listed,
        known=stored.known,
        quotes=pl.read_parquet(folder / f"{day}.quotes.parquet", glob=False),
        futures=_read(folder / f"{day}.futures.parquet", FUTURES),
        bars=_read(folder / f"{day}.bars.parquet", BARS),
        refused={},
    )


def utc_day(at: int) -> date:
    """Return the UTC day of a moment in nanoseconds."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).date()


def _folder(root: str) -> Path:
    return data_dir() / FOLDER / root


def _contracts(folder: Path) -> StoredContracts | None:
    file = folder / CONTRACTS
    if not file.is_file():
        return None
    try:
        found = msgspec.json.decode(file.read_bytes(), type=StoredContracts)
    except (msgspec.DecodeError, ValueError) as error:
        raise DataError(
            f"is damaged: {error}.", where=str(file), hint="Remove it and import again."
        ) from error
    if found.form != FORM:
        raise DataError(
            "was written by another version.", where=str(file), hint="Remove it and import again."
        )
    return found


def _on(day: date) -> pl.Expr:
    return pl.col("ts").cast(pl.Datetime("ns")).dt.date() == day


def _read(file: Path, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    """Return a file of a day, an empty frame where the day has none."""
    return pl.read_parquet(file, glob=False) if file.is_file() else pl.DataFrame(schema=schema)


def _write(frame: pl.DataFrame, file: Path) -> None:
    part = file.with_suffix(".part")
    frame.write_parquet(part)
    os.replace(part, file)
