"""Final settlement prices from Databento's `statistics` records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import databento_dbn
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.catalog.settlements import Settlement, expiry_day, write
from qe_plugins.data.dbn.statistics import Statistic, read_statistics

FINAL, INTRADAY, UNMARKED = 1, 8, 255  # flags, as CME's tag 731 has them


def read_settlements(
    files: Iterable[Path], contracts: Sequence[FuturesContract]
) -> dict[str, Settlement]:
    """Return the final settlement of each contract that `statistics` files have, by its id.

    It is the last one published for the day of expiry; a final price goes before a preliminary
    one. Raises DataError for a file that is cut short.
    """
    named = {str(one.id.symbol): one for one in contracts}
    roots = sorted({one.underlying for one in contracts})
    found: dict[str, Statistic] = {}
    for file in files:
        for one in read_statistics(file, databento_dbn.StatType.SETTLEMENT_PRICE, roots):
            contract = named.get(one.contract)
            if contract is None or not _is_final_day(one, contract.expiration_ns):
                continue
            known = found.get(one.contract)
            if known is None or _precedence(one) >= _precedence(known):
                found[one.contract] = one
    return {str(named[n].id): _settlement(str(named[n].id), one) for n, one in found.items()}


def write_settlements(files: Iterable[Path], folder: Path) -> int:
    """Write the settlements of a catalog's contracts into its folder; return their number."""
    every = ParquetDataCatalog(str(folder)).instruments()
    found = read_settlements(files, [one for one in every if isinstance(one, FuturesContract)])
    write(folder, found)
    return len(found)


def _is_final_day(one: Statistic, expiry: int) -> bool:
    """Say whether a settlement is of the last day; older feeds do not state the day."""
    if one.price == databento_dbn.UNDEF_PRICE or (one.flags != UNMARKED and one.flags & INTRADAY):
        return False
    return one.ts >= expiry if one.day is None else one.day == expiry_day(expiry)


def _precedence(one: Statistic) -> tuple[bool, int]:
    return bool(one.flags & FINAL), one.ts


def _settlement(contract: str, one: Statistic) -> Settlement:
    return Settlement(
        contract=contract,
        price=Decimal(one.price).scaleb(-9).normalize(),
        published=one.ts,
        preliminary=not one.flags & FINAL,
    )
