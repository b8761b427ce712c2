"""Futures contracts as the engine has them, built from Databento definitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from nautilus_trader.model import (
    AssetClass,
    Currency,
    FuturesContract,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.data.catalog.catalog import write_refused
from qe_plugins.data.dbn.definitions import read_definitions
from qe_plugins.errors import DataError
from qe_plugins.market.definitions import ContractDefinition, ContractKind, DefinitionRefusal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_TIME = 2**63 - 1  # UTC nanoseconds
CENTS = 2  # minimum decimals of a price, as in the engine's own loader
CLASSES = {"D": AssetClass.DEBT, "C": AssetClass.FX, "S": AssetClass.EQUITY}


class DefinedFutures(msgspec.Struct, frozen=True):
    """The futures of definition files by name, `ESZ13`, and refused ones with reasons."""

    contracts: dict[str, FuturesContract]
    refused: list[DefinitionRefusal]


def read_futures(files: Sequence[Path], place: str) -> DefinedFutures:
    """Return the futures that definition files define.

    Raises DataError where the files define no future, not even a refused one.
    """
    defined = read_definitions(files)
    futures = [one for one in defined.contracts if one.kind is ContractKind.FUTURE]
    refused = list(defined.refused)
    found = {}
    for one in futures:
        try:
            found[one.name] = futures_contract(one)
        except (ValueError, OverflowError) as error:
            refused.append(
                DefinitionRefusal(name=one.name, figure="definition", stated=f"is wrong: {error}")
            )
    if not found and not refused:
        raise DataError(
            "the definitions hold no futures contracts.",
            where=place,
            hint="Add Databento's 'definition' file of the same symbols and days.",
        )
    return DefinedFutures(found, refused)


def futures_contract(one: ContractDefinition) -> FuturesContract:
    """Return the engine's contract. Raises ValueError for a figure that the engine rejects."""
    assert one.id is not None
    assert one.tick is not None
    assert one.multiplier is not None
    exponent = one.tick.as_tuple().exponent
    precision = max(-int(exponent), CENTS)
    return FuturesContract(
        instrument_id=InstrumentId.from_str(one.id),
        raw_symbol=Symbol(one.raw),
        asset_class=_asset_class(one.cfi),
        underlying=one.root,
        activation_ns=_to_nanoseconds(one.activation) if one.activation else 0,
        expiration_ns=_to_nanoseconds(one.expiry),
        currency=Currency.from_str(one.currency),
        price_precision=precision,
        price_increment=Price.from_decimal_dp(one.tick, precision),
        multiplier=Quantity.from_str(f"{one.multiplier:f}"),
        lot_size=Quantity.from_int(1),
        min_quantity=Quantity.from_int(1),
        ts_event=_storable(one.sent),
        ts_init=_storable(one.sent),
        exchange=one.exchange,
        info={},
    )


def write_instruments(found: DefinedFutures, folder: Path) -> None:
    """Write the contracts into a catalog, and the reasons of refused ones into its folder."""
    write_refused(folder, {one.name: str(one) for one in found.refused})
    if found.contracts:
        ParquetDataCatalog(str(folder)).write_instruments(list(found.contracts.values()))


def _asset_class(cfi: str) -> AssetClass:
    """Return the class by ISO 10962: the second letter marks commodities, the third the others."""
    if cfi[1:2] == "C":
        return AssetClass.COMMODITY
    return CLASSES.get(cfi[2:3], AssetClass.INDEX)


def _to_nanoseconds(moment: datetime) -> int:
    return _storable((moment - EPOCH) // timedelta(microseconds=1) * 1_000)


def _storable(nanoseconds: int) -> int:
    """Return a time that Parquet can store. Raises ValueError for one after the year 2262."""
    if nanoseconds > LAST_TIME:
        raise ValueError(f"a time of {nanoseconds} ns is after the year 2262")
    return nanoseconds
