"""A made chain: weekly options on ESH26 with a smile, quoted at moments of a given path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from qe_plugins.data.options.frames import BARS, ChainData
from qe_plugins.data.options.store import store
from qe_plugins.market.listed_options import ListedOption, named_option
from qe_plugins.options.kernel.black76 import prices

EXPIRY_DAY = date(2026, 1, 9)
EXPIRY = int(datetime(2026, 1, 9, 21, tzinfo=UTC).timestamp()) * 10**9
YEAR_NS = 365 * 86_400 * 10**9
STRIKES = range(6_300, 7_701, 25)
SIZE = 200.0

type Moment = tuple[datetime, float, float]
"""When, the price of the future, and the volatility at the money."""


def made_options(product: str = "EW2F26", day: date = EXPIRY_DAY) -> dict[str, ListedOption]:
    """Return the options of one expiry by symbol."""
    names = [f"{product} {right}{strike}" for strike in STRIKES for right in "CP"]
    return {name: named_option(name, day) for name in names}


def made_quotes(
    path: Sequence[Moment], options: dict[str, ListedOption], rate: float = 0.0364
) -> pl.DataFrame:
    """Return quotes two ticks wide around Black-76 values at each moment; of one expiry."""
    every = list(options.values())
    expiry = every[0].expiry
    strike = np.array([float(one.strike) for one in every])
    sign = np.array([float(one.sign) for one in every])
    frames = []
    for at, price, vol in path:
        ts = int(at.replace(tzinfo=UTC).timestamp()) * 10**9
        if ts >= expiry:
            continue
        years = np.full(len(every), (expiry - ts) / YEAR_NS)
        away = np.log(strike / price)
        smile = vol * (1 - 0.8 * away + 4 * away**2).clip(0.5)
        worth, flat = np.empty(len(every)), np.full(len(every), price)
        prices(flat, strike, years, np.exp(-rate * years), smile, sign, worth)
        tick = np.where(worth < 10, 0.05, 0.25)
        bid = (np.floor(worth / tick - 0.5) * tick).round(2)
        ask = (np.ceil(worth / tick + 0.5) * tick).round(2)
        has_bid = bid > 0
        frames.append(
            pl.DataFrame(
                {
                    "ts": np.full(len(every), ts),
                    "symbol": [one.symbol for one in every],
                    "bid": np.where(has_bid, bid, math.nan),
                    "ask": ask,
                    "bid_size": np.where(has_bid, SIZE, 0.0),
                    "ask_size": np.full(len(every), SIZE),
                }
            ).with_columns(pl.col("bid").fill_nan(None))
        )
    return pl.concat(frames)


def store_made_chain(
    path: Sequence[Moment], *expiries: dict[str, ListedOption], futures: Sequence[str] = ()
) -> None:
    """Write the chain of a path, and the bars of its futures, into the store of chains.

    `expiries` have the options of each expiry, those on ESH26 by default. A future has bars until
    the last of them; `futures` are further ones, without an option.
    """
    expiries = expiries or (made_options(),)
    options = {name: one for each in expiries for name, one in each.items()}
    ends = {name: int(path[-1][0].replace(tzinfo=UTC).timestamp()) * 10**9 for name in futures}
    for one in options.values():
        ends[one.underlying] = max(one.expiry, ends.get(one.underlying, 0))
    rows = [
        (ts, future, *[price] * 4, 100.0)
        for at, price, _ in path
        for future, end in ends.items()
        if (ts := int(at.replace(tzinfo=UTC).timestamp()) * 10**9) <= end or len(ends) == 1
    ]
    bars = pl.DataFrame(rows, schema=BARS, orient="row")
    store(
        ChainData(
            root="ES",
            contracts=options,
            known=dict.fromkeys(options, path[0][0].date()),
            quotes=pl.concat([made_quotes(path, each) for each in expiries]).sort("ts"),
            futures=bars.select("ts", "future", price="close"),
            bars=bars,
            refused={},
        )
    )
