"""Generated option chains: weekly options on generated futures, quoted around an SSVI surface.

They resemble a market and are none: what a strategy earns on them says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from qe_plugins.config.option_chains import GeneratedChains
from qe_plugins.data.catalog.catalog import CatalogSeries
from qe_plugins.data.catalog.decimals import scanned
from qe_plugins.data.options.frames import QUOTES
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import MONTH_LETTERS
from qe_plugins.market.listed_options import SECOND, ListedOption, named_option
from qe_plugins.market.option_terms import option_ticks, short_rate

PRODUCTS = {"ES": "EW", "MES": "EX"}
FRIDAY, WEEKS = 4, 4
YEAR = 365 * 86_400 * SECOND
RHO, ETA = -0.6, 1.2
"""Slope and bend of the surface, without butterfly arbitrage: ETA (1 + |RHO|) is below 2."""

HALF_SPREAD = 0.01
"""Of the middle price, beside half a tick."""

ERFC = np.frompyfunc(math.erfc, 1, 1)


def listed_options(
    chains: GeneratedChains, root: str, futures: dict[str, float], start: int, end: int
) -> list[ListedOption]:
    """Return the weekly options of a run from `start` to `end` (UTC ns), by expiry and strike.

    `futures` has the first price of each future of the data. Raises DataError without any.
    """
    if root not in PRODUCTS:
        raise DataError(
            f"options are generated on {' and '.join(PRODUCTS)}, was {root}.", where="options"
        )
    found = []
    for day in _fridays(start, end + int(chains.listed_before) * SECOND):
        product = f"{PRODUCTS[root]}{(day.day - 1) // 7 + 1}{MONTH_LETTERS[day.month - 1]}{day:%y}"
        future = named_option(f"{product} C1", day).underlying
        if future not in futures:
            continue
        middle = round(futures[future] / chains.strike_step) * chains.strike_step
        for n in range(-chains.strikes, chains.strikes + 1):
            strike = middle + n * chains.strike_step
            found += [named_option(f"{product} {right}{strike:g}", day) for right in "CP"]
    if not found:
        raise DataError(
            "no weekly option expires within the generated data.",
            where="options",
            hint="Generate more sessions.",
        )
    return found


def quotes_of(
    chains: GeneratedChains, options: Iterable[ListedOption], closes: dict[str, pl.DataFrame]
) -> Iterator[tuple[ListedOption, pl.DataFrame]]:
    """Yield each option with its quotes; `closes` has `ts` and `price` of each future."""
    every = int(chains.every) * SECOND
    for one in options:
        listed = one.expiry - int(chains.listed_before) * SECOND
        own = closes[one.underlying].filter(
            pl.col("ts").is_between(listed, one.expiry, closed="left"), pl.col("ts") % every == 0
        )
        if own.height:
            yield one, _quoted(chains, one, own)


def closes_by_future(bars: Iterable[CatalogSeries]) -> dict[str, pl.DataFrame]:
    """Return `ts` (UTC ns) and `price` of the bars of each future, by its name."""
    found = {}
    for one in bars:
        files = one.files
        rows = scanned(files, "close").select(
            ts=pl.col("ts_init").cast(pl.Int64), price=pl.col("close")
        )
        found[one.contract.partition(".")[0]] = rows.collect().sort("ts")
    return found


def _quoted(chains: GeneratedChains, one: ListedOption, own: pl.DataFrame) -> pl.DataFrame:
    """Return an option's quotes: its price on the surface, the spread around it, on ticks."""
    forward, ts = own["price"].to_numpy(), own["ts"].to_numpy()
    day = datetime.fromtimestamp(int(ts[0]) // SECOND, UTC).date()
    years = (one.expiry - ts) / YEAR
    x = math.log(float(one.strike)) - np.log(forward)
    root = np.sqrt(_variance(x, chains.volatility**2 * years))
    d = -x / root + root / 2
    value = one.sign * (
        forward * _normal(one.sign * d) - float(one.strike) * _normal(one.sign * (d - root))
    )
    middle = value * np.exp(-short_rate(day).rate * years)
    ticks = option_ticks(one.root, day)
    tick = np.where(middle < float(ticks.below), float(ticks.tick), float(ticks.above))
    half = tick / 2 + HALF_SPREAD * middle
    bid = np.floor((middle - half) / tick + 1e-9) * tick
    ask = np.maximum(np.ceil((middle + half) / tick - 1e-9), 1.0) * tick
    sizes = np.full(len(ts), float(chains.size))
    columns = (ts, [one.symbol] * len(ts), np.maximum(bid, 0.0), ask, sizes, sizes)
    return pl.DataFrame(dict(zip(QUOTES, columns, strict=True)), schema=QUOTES)


def _variance(x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return SSVI's total variance at log-moneyness `x`, where it is `theta` at the money."""
    bend = ETA / np.sqrt(theta)
    root = np.sqrt((bend * x + RHO) ** 2 + 1 - RHO**2)
    found: np.ndarray = theta / 2 * (1 + RHO * bend * x + root)
    return found


def _normal(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 0.5 * np.asarray(ERFC(-x / math.sqrt(2)), dtype=float)
    return found


def _fridays(start: int, end: int) -> Iterator[date]:
    """Yield the first to fourth Fridays of months between two moments (UTC ns)."""
    day, last = (datetime.fromtimestamp(one // SECOND, UTC).date() for one in (start, end))
    while day <= last:
        if day.weekday() == FRIDAY and (day.day - 1) // 7 < WEEKS:
            yield day
        day += timedelta(days=1)
