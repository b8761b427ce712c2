"""Quotes of options evaluated: which are used and why others are not, and implied volatilities."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec
import numpy as np
import polars as pl

from qe_plugins.data.options.frames import ChainData
from qe_plugins.data.options.store import utc_day
from qe_plugins.market.option_terms import ExerciseStyle, short_rate
from qe_plugins.options.kernel.american import american_implied
from qe_plugins.options.kernel.black76 import implied, prices

DAY_NS = 86_400 * 1_000_000_000
YEAR_NS = 365 * DAY_NS
MINUTE_NS = 60 * 1_000_000_000


class LeftOut(StrEnum):
    """Why a quote is not used, in the order in which reasons are checked."""

    EXPIRED = "expired"
    NO_UNDERLYING = "no price of the underlying"
    ONE_SIDED = "one-sided"
    CROSSED = "crossed"
    STALE = "stale"
    BELOW_INTRINSIC = "below intrinsic"
    WIDE = "wider than allowed"
    NO_VOLATILITY = "no implied volatility"


class QuoteRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a quote must be to be used.

    `stale_minutes` bounds the age of quote and future's price; `widest` the spread, as a part of
    the middle price, where it is also more than `widest_points` points.
    """

    stale_minutes: float = 5.0
    widest: float = 1.0
    widest_points: float = 2.0


def with_underlying(data: ChainData, within_minutes: float, at: int) -> pl.DataFrame:
    """Return the last quote of each symbol by a moment (UTC ns), beside its contract.

    `price` is the last one of its future by then, null where that is older than given, `price_ts`
    its time. Quotes and prices are by time, as `ChainData` has them.
    """
    quotes, futures = (
        one.head(int(one["ts"].search_sorted(at, side="right")))
        for one in (data.quotes, data.futures)
    )
    last = {
        symbol: row
        for symbol, row in zip(quotes["symbol"].to_list(), range(quotes.height), strict=True)
        if symbol in data.contracts
    }
    oldest = at - int(within_minutes * MINUTE_NS)
    prices_by_future = {
        name: (ts, price) for ts, name, price in futures.iter_rows() if ts >= oldest
    }
    contracts = [data.contracts[symbol] for symbol in last]
    known = [prices_by_future.get(one.underlying, (None, None)) for one in contracts]
    return quotes[list(last.values())].hstack(
        [
            pl.Series("future", [one.underlying for one in contracts], pl.Utf8),
            pl.Series("strike", [float(one.strike) for one in contracts], pl.Float64),
            pl.Series("sign", [float(one.sign) for one in contracts], pl.Float64),
            pl.Series("expiry", [one.expiry for one in contracts], pl.Int64),
            pl.Series(
                "american", [one.style is ExerciseStyle.AMERICAN for one in contracts], pl.Boolean
            ),
            pl.Series("now", np.full(len(contracts), at), pl.Int64),
            pl.Series("price_ts", [ts for ts, _ in known], pl.Int64),
            pl.Series("price", [price for _, price in known], pl.Float64),
        ]
    )


def evaluated(frame: pl.DataFrame, rules: QuoteRules, rate: float | None = None) -> pl.DataFrame:
    """Return quotes with time to expiry, discount, middle price, implied volatility and reason.

    Adds `years`, `rate`, `discount`, `mid`, `iv` (null where there is none), `european` (the middle
    price without the early-exercise premium) and `reason` (null where the quote is used). `rate`
    replaces the dated table's.
    """
    r = _rates(frame["now"].to_numpy()) if rate is None else np.full(frame.height, rate)
    price, strike, sign = (frame[name].to_numpy() for name in ("price", "strike", "sign"))
    bid, ask = (frame[name].to_numpy() for name in ("bid", "ask"))
    now, expiry = frame["now"].to_numpy(), frame["expiry"].to_numpy()
    american = frame["american"].to_numpy()
    years = (expiry - now) / YEAR_NS
    discount = np.exp(-r * years)
    mid = (bid + ask) / 2
    intrinsic = np.maximum(sign * (price - strike), 0.0) * np.where(american, 1.0, discount)
    vol, european = _volatilities(mid, price, strike, years, r, discount, sign, american)
    two = np.isfinite(bid) & np.isfinite(ask) & (bid > 0)
    with np.errstate(invalid="ignore"):
        checks = (
            (LeftOut.EXPIRED, years <= 0),
            (LeftOut.NO_UNDERLYING, ~np.isfinite(price)),
            (LeftOut.ONE_SIDED, ~two),
            (LeftOut.CROSSED, ask <= bid),
            (LeftOut.STALE, now - frame["ts"].to_numpy() > rules.stale_minutes * MINUTE_NS),
            (LeftOut.BELOW_INTRINSIC, mid <= intrinsic + 1e-9),
            (
                LeftOut.WIDE,
                (ask - bid > rules.widest * mid) & (ask - bid > rules.widest_points),
            ),
            (LeftOut.NO_VOLATILITY, ~np.isfinite(vol)),
        )
    reason = np.full(frame.height, -1, dtype=np.int8)
    for code, (_, failed) in enumerate(checks):
        reason[(reason < 0) & failed] = code
    names = [*(str(one) for one, _ in checks), None]  # the last one is that of -1
    columns = {
        "years": years,
        "rate": r,
        "discount": discount,
        "mid": mid,
        "iv": vol,
        "european": european,
    }
    return frame.hstack(
        [
            *(pl.Series(name, values, nan_to_null=True) for name, values in columns.items()),
            pl.Series("reason", [names[code] for code in reason.tolist()], pl.Utf8),
        ]
    )


def left_out(frame: pl.DataFrame) -> dict[str, int]:
    """Return how many quotes are not used by reason, the commonest first."""
    counted = Counter(reason for reason in frame["reason"].to_list() if reason is not None)
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def used_rows(frame: pl.DataFrame) -> np.ndarray:
    """Return which of evaluated quotes are used, as a mask."""
    return np.array([reason is None for reason in frame["reason"].to_list()], dtype=bool)


def strike_numbers(frame: pl.DataFrame) -> np.ndarray:
    """Return a number a row, ascending by moment, expiry and strike: options of one share it."""
    numbers = np.zeros(frame.height, dtype=np.int64)
    for name in ("now", "expiry", "strike"):
        values, codes = np.unique(frame[name].to_numpy(), return_inverse=True)
        numbers = numbers * len(values) + codes
    return numbers


def _rates(now: np.ndarray) -> np.ndarray:
    """Return the dated annual rate of each moment (UTC ns)."""
    days, codes = np.unique(now // DAY_NS, return_inverse=True)
    rates = [short_rate(utc_day(day * DAY_NS)).rate for day in days.tolist()]
    return np.array(rates, dtype=float)[codes]


def _volatilities(
    mid: np.ndarray,
    price: np.ndarray,
    strike: np.ndarray,
    years: np.ndarray,
    rate: np.ndarray,
    discount: np.ndarray,
    sign: np.ndarray,
    american: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return implied volatilities, and middle prices as of European options."""
    vol, european = np.full(len(mid), np.nan), mid.copy()
    for early in (False, True):
        which = np.flatnonzero((american == early) & np.isfinite(mid) & np.isfinite(price))
        if not len(which):
            continue
        p, f, k, t, r, d, s = (
            np.ascontiguousarray(one[which], dtype=float)
            for one in (mid, price, strike, years, rate, discount, sign)
        )
        found = np.empty(len(which))
        if early:
            american_implied(p, f, k, t, r, s, found)
            value = np.empty(len(which))
            prices(f, k, t, d, np.nan_to_num(found), s, value)
            european[which] = np.where(np.isfinite(found), value, p)
        else:
            implied(p, f, k, t, d, s, found)
        vol[which] = found
    return vol, european
