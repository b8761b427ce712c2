"""A generated tape: quarterly contracts of one underlying, the same for the same settings.

It looks like a tape and is none: no edge found on it means anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
from qe_plugins.data.synthetic_label import Made, write_label
from qe_plugins.data.synthetic_path import PricePath, Reel
from qe_plugins.data.synthetic_plan import Plan, plan
from qe_plugins.data.synthetic_rolls import known_rolls
from qe_plugins.data.synthetic_sessions import DAY_NS, Month
from qe_plugins.data.synthetic_volume import traded
from qe_plugins.data.wanted import Where
from qe_plugins.market.keys import ContractKey

FORM = "2"  # of the generator; a change makes every cache anew
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
    planned = plan(settings, where)
    text = FORM.encode() + msgspec.json.encode(settings)
    key = hashlib.sha256(text).hexdigest()[:32]
    return cached(
        "synthetic",
        key,
        build=lambda folder: build(settings, planned, [settings.root], folder),
        read=lambda folder: open_shelf(folder, place),
    )


def build(settings: Synthetic, planned: Plan, roots: Sequence[str], folder: Path) -> None:
    """Write the catalog of roots that share one underlying into `folder`, month by month."""
    reel = Reel(settings.seed, settings.volatility)
    contracts = []
    for number, month in enumerate(planned.months):
        share = planned.share(number)
        days = np.flatnonzero(share)
        if days.size:
            path = reel.between(int(days[0]), int(days[-1]))
            path = PricePath(*(getattr(path, n)[days - days[0]] for n in path.__struct_fields__))
        for at, root in enumerate(roots):
            own = Month(ContractKey(root, month.key.year, month.key.month), month.expiry)
            contracts.append(_contract(own))
            if days.size:
                seeds = _seeds(settings.seed, own, at)
                table = _bars(settings, planned, path, own, days, share[days], seeds)
                name = f"{own.key.name}.{VENUE}-1-MINUTE-LAST-EXTERNAL"
                write_series(folder, Kind.BARS, name, table)
    ParquetDataCatalog(str(folder)).write_instruments(contracts)
    write_label(folder, Made(tuple(roots), settings), known_rolls(planned, roots, VENUE))


def _seeds(seed: int, month: Month, at: int) -> np.random.SeedSequence:
    """Return what the volume of a month is drawn from; each root of a tape has its own."""
    entropy = [seed, month.key.year, month.key.month]
    return np.random.SeedSequence(entropy, spawn_key=(100 + at,) if at else ())


def _bars(
    settings: Synthetic,
    planned: Plan,
    path: PricePath,
    month: Month,
    days: np.ndarray,
    share: np.ndarray,
    seeds: np.random.SeedSequence,
) -> pa.Table:
    """Return the bars of one month, closing times as stamps; none where nothing was traded."""
    volumes = traded(seeds, path.activity * MINUTE_VOLUME[month.key.root] * share[:, None])
    stamps, open_ = planned.stamps(days)
    kept = open_ & (volumes > 0) & (stamps <= month.expiry)
    first = planned.months[0].expiry - planned.opens[0]
    carried = np.exp(CARRY * (month.expiry - planned.opens[days] - first) / YEAR)
    ticks = float(settings.open_price) * 100 / CENTS * carried[:, None]
    prices = [
        np.rint((side * ticks)[kept]).astype(np.int64) * CENTS
        for side in (path.open, path.high, path.low, path.close)
    ]
    return bar_table(prices, volumes[kept], stamps[kept])


def _contract(month: Month) -> FuturesContract:
    root = month.key.root
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
        info={"synthetic": True},
    )
