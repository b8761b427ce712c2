"""Futures of definition files, under ids whose year has two digits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime

from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.model import FuturesContract, InstrumentId

from qe_plugins.data.dbn_file import DbnFile, decoding
from qe_plugins.errors import DataError
from qe_plugins.market.keys import dated_key


def futures(
    loader: DatabentoDataLoader, files: Sequence[DbnFile], place: str
) -> dict[str, list[FuturesContract]]:
    """Return the futures by raw name, each list by expiry, and teach the loader their precision.

    Definitions repeat daily: the last one of a contract counts. Raises DataError where there is no
    future among them.
    """
    latest: dict[str, FuturesContract] = {}
    for file in files:
        if file.schema == "definition":
            with decoding(file, place):
                every = loader.load_instruments(file.path, True, True)
            for one in every:
                if isinstance(one, FuturesContract):
                    latest[str(_dated_id(one))] = one
    if not latest:
        raise DataError(
            "the definitions hold no futures contracts.",
            where=place,
            hint="Add Databento's 'definition' file of the same symbols and days.",
        )
    listed: dict[str, list[FuturesContract]] = defaultdict(list)
    for one in sorted(latest.values(), key=lambda one: one.expiration_ns):
        listed[str(one.raw_symbol)].append(_renamed(one))
    return listed


def _dated_id(contract: FuturesContract) -> InstrumentId:
    """Return the id with two year digits, by the delivery that lies nearest to the expiry."""
    expiry = datetime.fromtimestamp(contract.expiration_ns // 1_000_000_000, UTC)
    key = dated_key(str(contract.raw_symbol), date(expiry.year - 4, 1, 1))
    name = key.name if key else str(contract.raw_symbol)
    return InstrumentId.from_str(f"{name}.{contract.venue}")


def _renamed(one: FuturesContract) -> FuturesContract:
    return FuturesContract(
        instrument_id=_dated_id(one),
        raw_symbol=one.raw_symbol,
        asset_class=one.asset_class,
        underlying=one.underlying,
        activation_ns=one.activation_ns,
        expiration_ns=one.expiration_ns,
        currency=one.currency,
        price_precision=one.price_precision,
        price_increment=one.price_increment,
        multiplier=one.multiplier,
        lot_size=one.lot_size,
        ts_event=one.ts_event,
        ts_init=one.ts_init,
        max_quantity=one.max_quantity,
        min_quantity=one.min_quantity,
        max_price=one.max_price,
        min_price=one.min_price,
        margin_init=one.margin_init,
        margin_maint=one.margin_maint,
        exchange=one.exchange,
        tick_scheme=one.tick_scheme,
        info=one.info,
    )
