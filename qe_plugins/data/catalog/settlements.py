"""Final settlement prices: what a contract that is held into its expiry is worth.

They come from Databento's `statistics` and are kept in one small file of a catalog's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import databento_dbn
import msgspec
import polars as pl
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.dbn.statistics import Published, published
from qe_plugins.errors import DataError

CHICAGO = ZoneInfo("America/Chicago")
SECOND = 1_000_000_000
FILE = "settlements.parquet"
FINAL, INTRADAY, UNMARKED = 1, 8, 255  # flags, as CME's tag 731 has them
COLUMNS: dict[str, pl.DataType] = {
    "contract": pl.String(),
    "price": pl.Decimal(38, 9),
    "published": pl.Int64(),
    "preliminary": pl.Boolean(),
}


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The last settlement of a contract (id), in points; `published` is UTC nanoseconds."""

    contract: str
    price: Decimal
    published: int
    preliminary: bool


type Settlements = Mapping[str, Settlement]


def read_settlements(
    files: Iterable[Path], contracts: Sequence[FuturesContract]
) -> dict[str, Settlement]:
    """Return the final settlement of each contract that `statistics` files have, by its id.

    It is the one of the day of expiry, the last that was published of it and a final one before a
    preliminary one. Raises DataError for a file that is cut short.
    """
    named = {str(one.id.symbol): one for one in contracts}
    roots = sorted({one.underlying for one in contracts})
    found: dict[str, Published] = {}
    for file in files:
        for one in published(file, databento_dbn.StatType.SETTLEMENT_PRICE, roots):
            contract = named.get(one.contract)
            if contract is None or not _is_last(one, contract.expiration_ns):
                continue
            known = found.get(one.contract)
            if known is None or _weight(one) >= _weight(known):
                found[one.contract] = one
    return {str(named[n].id): _settlement(str(named[n].id), one) for n, one in found.items()}


def keep(files: Iterable[Path], folder: Path) -> int:
    """Write what `files` say of a catalog's contracts into its folder; return how many settle."""
    every = ParquetDataCatalog(str(folder)).instruments()
    found = read_settlements(files, [one for one in every if isinstance(one, FuturesContract)])
    write(folder, found)
    return len(found)


def write(folder: Path, settlements: Settlements) -> None:
    """Write settlements into a catalog's folder; none, no file."""
    if settlements:
        rows = [msgspec.structs.astuple(settlements[name]) for name in sorted(settlements)]
        pl.DataFrame(rows, COLUMNS, orient="row").write_parquet(folder / FILE)


def read(folder: Path, place: str) -> dict[str, Settlement]:
    """Return the settlements in a catalog's folder by contract id; without the file, none.

    Raises DataError, at `place`, for a file that cannot be read.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    try:
        rows = (
            pl.read_parquet(file, glob=False)
            .select(pl.col(n).cast(t) for n, t in COLUMNS.items())
            .rows()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{file} cannot be read: {str(error).splitlines()[0]}.",
            where=place,
            hint="Make the catalog again from its files, or take this file away.",
        ) from error
    return {
        contract: Settlement(
            contract=contract, price=price.normalize(), published=when, preliminary=preliminary
        )
        for contract, price, when, preliminary in rows
    }


def expiry_day(expiry: int) -> date:
    """Return the trading day on which a contract expires (UTC nanoseconds), in Chicago."""
    return datetime.fromtimestamp(expiry // SECOND, UTC).astimezone(CHICAGO).date()


def _is_last(one: Published, expiry: int) -> bool:
    """Say whether a settlement is that of the last day; older feeds do not name the day."""
    if one.price == databento_dbn.UNDEF_PRICE or (one.flags != UNMARKED and one.flags & INTRADAY):
        return False
    return one.ts >= expiry if one.day is None else one.day == expiry_day(expiry)


def _weight(one: Published) -> tuple[bool, int]:
    return bool(one.flags & FINAL), one.ts


def _settlement(contract: str, one: Published) -> Settlement:
    return Settlement(
        contract=contract,
        price=Decimal(one.price).scaleb(-9).normalize(),
        published=one.ts,
        preliminary=not one.flags & FINAL,
    )
