"""Generate bars of contracts of one underlying or several; equal settings give equal bars.

The data resembles a market and is none: an edge found on it means nothing.
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

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.catalog.build_cache import cached
from qe_plugins.data.catalog.catalog import Catalog, RecordKind, open_catalog
from qe_plugins.data.catalog.selection import Where
from qe_plugins.data.catalog.writer import bar_table, write_series
from qe_plugins.data.synthetic.contract_months import DAY_NS, MINUTES, ContractMonth
from qe_plugins.data.synthetic.label import SyntheticLabel, write_label
from qe_plugins.data.synthetic.price_path import PathCache, PricePath
from qe_plugins.data.synthetic.rolls import KnownRoll, known_rolls
from qe_plugins.data.synthetic.roots import SPECS, check_through_zero, price_of, seed_of
from qe_plugins.data.synthetic.schedule import TapeSchedule, plan
from qe_plugins.data.synthetic.stress import StressedPath, stressed
from qe_plugins.data.synthetic.volume import traded
from qe_plugins.market.contract_key import ContractKey

FORM = "3"  # version of the generator; a change rebuilds every cache
CARRY = 0.03  # a year: interest less dividends
LISTED = 456  # days before its expiry that a month is listed
YEAR = 365 * DAY_NS
BELOW = 0.35  # of the first price: how far below zero a price of `through_zero` falls
WIDTH = 8  # sessions of that fall, at most

type Lowered = tuple[np.ndarray, np.ndarray]


def open_source(settings: SyntheticSettings, where: Where) -> Catalog:
    """Return the catalog of the generated data, built on first use.

    Raises DataError for settings that are not possible.
    """
    place = where("synthetic")
    check_through_zero(settings, [settings.root], place)
    planned = plan(settings, where)
    text = FORM.encode() + msgspec.json.encode(settings)
    key = hashlib.sha256(text).hexdigest()[:32]
    return cached(
        "synthetic",
        key,
        build=lambda folder: build(settings, [(planned, [settings.root])], folder),
        read=lambda folder: open_catalog(folder, place),
    )


def build(
    settings: SyntheticSettings, parts: Sequence[tuple[TapeSchedule, Sequence[str]]], folder: Path
) -> None:
    """Write generated data as a catalog into `folder`; roots of a part share one underlying."""
    contracts: list[FuturesContract] = []
    rolls: dict[str, list[KnownRoll]] = {}
    for planned, roots in parts:
        contracts += _write_bars(settings, planned, roots, folder)
        rolls |= known_rolls(planned, roots, SPECS[roots[0]].venue)
    ParquetDataCatalog(str(folder)).write_instruments(contracts)
    names = [root for _, roots in parts for root in roots]
    write_label(folder, SyntheticLabel(tuple(names), settings), rolls)


def _write_bars(
    settings: SyntheticSettings, planned: TapeSchedule, roots: Sequence[str], folder: Path
) -> list[FuturesContract]:
    """Write the bars of roots that share one underlying, month by month; return the contracts."""
    spec = SPECS[roots[0]]
    seed, volatility = seed_of(settings.seed, spec.underlying), settings.volatility * spec.wild
    paths, contracts = PathCache(seed, volatility, settings.planted), []
    drop = _price_drop(settings, planned, roots[0], PathCache(seed, volatility, settings.planted))
    shape = stressed(settings, planned, roots[0], PathCache(seed, volatility, settings.planted))
    for number, month in enumerate(planned.months):
        share = planned.share(number)
        days = np.flatnonzero(share)
        if days.size:
            path = paths.between(int(days[0]), int(days[-1]))
            path = PricePath(*(getattr(path, n)[days - days[0]] for n in path.__struct_fields__))
            path = shape.shaped(path, days) if shape else path
        for at, root in enumerate(roots):
            own = msgspec.structs.replace(
                month, key=ContractKey(root, month.key.year, month.key.month)
            )
            contracts.append(_futures_contract(own))
            if days.size:
                volumes = _volumes(settings.seed, own, at, path, share[days])
                if shape:
                    volumes[shape.halted[days]] = 0
                lowered = _lowered(settings, own.key, days, drop, shape)
                table = _bar_table(settings, planned, path, own, days, volumes, lowered)
                name = f"{own.key.name}.{SPECS[root].venue}-1-MINUTE-LAST-EXTERNAL"
                write_series(folder, RecordKind.BARS, name, table)
    return contracts


def _price_drop(
    settings: SyntheticSettings, planned: TapeSchedule, root: str, paths: PathCache
) -> np.ndarray | None:
    """Return the points to subtract from the price in each minute of each session, or None."""
    if root not in settings.through_zero:
        return None
    middle, first = len(planned.days) // 2, float(price_of(settings, root))
    level = float(paths.between(middle, middle).close.max())
    width = max(min(WIDTH, len(planned.days) / 6), 0.5)
    at = np.arange(len(planned.days))[:, None] + np.arange(MINUTES) / MINUTES
    drop: np.ndarray = np.exp(-(((at - middle - 0.5) / width) ** 2)) * first * (level + BELOW)
    return drop


def _lowered(
    settings: SyntheticSettings,
    key: ContractKey,
    days: np.ndarray,
    drop: np.ndarray | None,
    shape: StressedPath | None,
) -> Lowered:
    """Return the points to subtract from a contract's price by the start and end of each minute."""
    if drop is not None:
        return drop[days], drop[days]
    if shape is None or (added := shape.added(key, days)) is None:
        return np.zeros(1), np.zeros(1)
    first = float(price_of(settings, key.root))
    return -added[0] * first, -added[1] * first


def _volumes(
    seed: int, month: ContractMonth, at: int, path: PricePath, share: np.ndarray
) -> np.ndarray:
    """Return the contracts traded in each minute; each root has random draws of its own."""
    spec = SPECS[month.key.root]
    entropy = [seed_of(seed, spec.underlying), month.key.year, month.key.month]
    seeds = np.random.SeedSequence(entropy, spawn_key=(100 + at,) if at else ())
    return traded(seeds, path.activity * spec.volume * share[:, None])


def _bar_table(
    settings: SyntheticSettings,
    planned: TapeSchedule,
    path: PricePath,
    month: ContractMonth,
    days: np.ndarray,
    volumes: np.ndarray,
    lowered: Lowered,
) -> pa.Table:
    """Return the bars of one month, stamped at their close; minutes without volume have none."""
    spec = SPECS[month.key.root]
    stamps, open_ = planned.stamps(days)
    traded_minutes = open_ & (volumes > 0) & (stamps <= month.expiry)
    first = planned.months[0].expiry - planned.opens[0]
    carried = np.exp(CARRY * (month.expiry - planned.opens[days] - first) / YEAR)
    tick = float(spec.tick)
    ticks = float(price_of(settings, month.key.root)) / tick * carried[:, None]
    start, end = (one / tick for one in lowered)
    sides = [path.open * ticks - start, path.close * ticks - end]
    high = np.maximum.reduce([*sides, path.high * ticks - np.maximum(start, end)])
    low = np.minimum.reduce([*sides, path.low * ticks - np.minimum(start, end)])
    prices = [
        np.rint(side[traded_minutes]).astype(np.int64) * spec.unit
        for side in (sides[0], high, low, sides[1])
    ]
    digits = spec.precision
    return bar_table(
        prices, volumes[traded_minutes], stamps[traded_minutes], scale=digits, precision=digits
    )


def _futures_contract(month: ContractMonth) -> FuturesContract:
    root = month.key.root
    spec = SPECS[root]
    return FuturesContract(
        instrument_id=InstrumentId.from_str(f"{month.key.name}.{spec.venue}"),
        raw_symbol=Symbol(month.key.raw),
        asset_class=getattr(AssetClass, spec.asset),
        underlying=root,
        activation_ns=month.expiry - LISTED * DAY_NS,
        expiration_ns=month.expiry,
        currency=Currency.from_str("USD"),
        price_precision=spec.precision,
        price_increment=Price.from_str(str(spec.tick)),
        multiplier=Quantity.from_int(spec.multiplier),
        lot_size=Quantity.from_int(1),
        ts_event=month.expiry - LISTED * DAY_NS,
        ts_init=month.expiry - LISTED * DAY_NS,
        exchange=spec.venue,
        info={"synthetic": True},
    )
