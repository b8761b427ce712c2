"""Final settlement prices, at which positions held into expiry are closed.

They come from Databento's `statistics` and are stored in one small file in a catalog's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from qe_plugins.errors import DataError
from qe_plugins.market.exchange_zone import CHICAGO

SECOND = 1_000_000_000
FILE = "settlements.parquet"
COLUMNS: dict[str, pl.DataType] = {
    "contract": pl.String(),
    "price": pl.Decimal(38, 9),
    "published": pl.Int64(),
    "preliminary": pl.Boolean(),
}


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The last settlement price of a contract (id), in points; `published` is UTC nanoseconds."""

    contract: str
    price: Decimal
    published: int
    preliminary: bool


type Settlements = Mapping[str, Settlement]


def write(folder: Path, settlements: Settlements) -> None:
    """Write settlements, by contract id, into a catalog's folder; without any, no file."""
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
            hint="Rebuild the catalog from its files, or remove this file.",
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
