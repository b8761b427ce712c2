"""A generated tape: quarterly contracts of one root, the same for the same settings.

It looks like a tape and is none: no edge found on it means anything.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
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

from qe_plugins.config.schema import Synthetic
from qe_plugins.data.cached import cached
from qe_plugins.data.catalog import Kind, Shelf, open_shelf
from qe_plugins.data.columns import bar_table, write_series
from qe_plugins.data.synthetic_path import PricePath, price_path
from qe_plugins.data.synthetic_sessions import DAY_NS, MINUTES, SECOND, Month, months, sessions
from qe_plugins.data.synthetic_volume import month_share, traded
from qe_plugins.data.wanted import Where
from qe_plugins.errors import DataError

FORM = "1"  # of the generator; a change makes every cache anew
VENUE = "XCME"
MULTIPLIER = {"ES": 50, "MES": 5, "NQ": 20}
MINUTE_VOLUME = {"ES": 900, "MES": 600, "NQ": 350}  # of all months together, on average
CENTS = 25  # a tick of 0.25
CARRY = 0.03  # a year: what the interest leaves after the dividends
LISTED = 456  # days before its expiry that a month is listed
YEAR = 365 * DAY_NS


def shelf(settings: Synthetic, where: Where) -> Shelf:
    """Return the catalog of the generated tape, made on first use."""
    place = where("synthetic")
    opens, listed = _calendar(settings, place)
    text = FORM.encode() + msgspec.json.encode(settings)
    key = hashlib.sha256(text).hexdigest()[:32]
    return cached(
        "synthetic",
        key,
        build=lambda folder: _build(settings, opens, listed, folder),
        read=lambda folder: open_shelf(folder, place),
    )


def _calendar(settings: Synthetic, place: str) -> tuple[np.ndarray, list[Month]]:
    """Return when sessions open, and the contract months that trade in them."""
    try:
        first = date.fromisoformat(settings.start)
    except ValueError as error:
        raise DataError(
            f"start must be a day, was '{settings.start}'.",
            where=place,
            hint="Write it as '2024-01-02'.",
        ) from error
    days, opens = sessions(first, settings.sessions)
    listed = months(settings.root, days[0], settings.contracts)
    ahead = months(settings.root, days[0], settings.sessions // 60 + 2)
    needed = 1 + sum(month.expiry < opens[-1] for month in ahead)
    if needed > settings.contracts:
        raise DataError(
            f"{settings.sessions} sessions last until {days[-1]}, but {listed[-1].key}, the last "
            f"of {settings.contracts} contracts, expires before.",
            where=place,
            hint=f"Set 'contracts: {needed}' or take fewer sessions.",
        )
    return opens, listed


def _build(settings: Synthetic, opens: np.ndarray, listed: list[Month], folder: Path) -> None:
    path = price_path(settings.seed, opens.size, settings.volatility)
    for number, month in enumerate(listed):
        share = month_share(listed, number, opens)
        days = np.flatnonzero(share)
        if days.size:
            carried = np.exp(
                CARRY * (month.expiry - listed[0].expiry + opens[0] - opens[days]) / YEAR
            )
            table = _bars(settings, path, opens, month, days, carried, share[days])
            name = f"{month.key.name}.{VENUE}-1-MINUTE-LAST-EXTERNAL"
            write_series(folder, Kind.BARS, name, table)
    contracts = [_contract(settings.root, month) for month in listed]
    ParquetDataCatalog(str(folder)).write_instruments(contracts)


def _bars(
    settings: Synthetic,
    path: PricePath,
    opens: np.ndarray,
    month: Month,
    days: np.ndarray,
    carried: np.ndarray,
    share: np.ndarray,
) -> pa.Table:
    """Return the bars of one month, closing times as stamps; none where nothing was traded."""
    seeds = np.random.SeedSequence([settings.seed, month.key.year, month.key.month])
    usual = MINUTE_VOLUME[settings.root] * share[:, None]
    volumes = traded(seeds, path.activity[days] * usual)
    stamps = opens[days][:, None] + np.arange(1, MINUTES + 1) * 60 * SECOND
    kept = (volumes > 0) & (stamps <= month.expiry)
    ticks = float(settings.open_price) * 100 / CENTS * carried[:, None]
    prices = [
        np.rint((side[days] * ticks)[kept]).astype(np.int64) * CENTS
        for side in (path.open, path.high, path.low, path.close)
    ]
    return bar_table(prices, volumes[kept], stamps[kept])


def _contract(root: str, month: Month) -> FuturesContract:
    return FuturesContract(
        instrument_id=InstrumentId.from_str(f"{month.key.name}.{VENUE}"),
        raw_symbol=Symbol(month.key.raw),
        asset_class=AssetClass.INDEX,
        underlying=root,
        activation_ns=month.expiry - LISTED * DAY_NS,
        expiration_ns=month.expiry,
        currency=Currency.from_str("USD"),
        price_precision=2,
        price_increment=Price.from_str("0.25"),
        multiplier=Quantity.from_int(MULTIPLIER[root]),
        lot_size=Quantity.from_int(1),
        ts_event=month.expiry - LISTED * DAY_NS,
        ts_init=month.expiry - LISTED * DAY_NS,
        exchange=VENUE,
    )
