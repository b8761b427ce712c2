"""Quotes of options evaluated: which are used and why others are not, and implied volatilities."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
import numpy as np
import polars as pl

from qe_plugins.data.options.frames import ChainData
from qe_plugins.market.listed_options import ListedOption
from qe_plugins.market.option_terms import ExerciseStyle, short_rate
from qe_plugins.options.kernel.american import american_implied
from qe_plugins.options.kernel.black76 import implied, prices

YEAR_NS = 365 * 86_400 * 1_000_000_000
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


def contract_frame(contracts: Mapping[str, ListedOption]) -> pl.DataFrame:
    """Return contracts as columns, by symbol."""
    every = list(contracts.values())
    return pl.DataFrame(
        {
            "symbol": [one.symbol for one in every],
            "future": [one.underlying for one in every],
            "strike": [float(one.strike) for one in every],
            "sign": [float(one.sign) for one in every],
            "expiry": [one.expiry for one in every],
            "american": [one.style is ExerciseStyle.AMERICAN for one in every],
        },
        schema_overrides={"expiry": pl.Int64, "american": pl.Boolean},
    )


def with_underlying(data: ChainData, within_minutes: float, at: int | None = None) -> pl.DataFrame:
    """Return quotes beside their contract and the last price of its future, no older than given.

    With `at` (UTC ns) it is one moment's: the last quote of each symbol, with prices of by then;
    else each quote at its own moment. Columns: those of quotes and contracts, `now`, `price`.
    """
    quotes, futures = data.quotes, data.futures
    if at is not None:
        quotes = quotes.filter(pl.col("ts") <= at).group_by("symbol", maintain_order=True).last()
        futures = futures.filter(pl.col("ts") <= at)
    now = pl.col("ts") if at is None else pl.lit(at, dtype=pl.Int64)
    joined = quotes.join(contract_frame(data.contracts), on="symbol").with_columns(now=now)
    return joined.sort("now").join_asof(
        futures.sort("ts").rename({"ts": "price_ts"}),
        left_on="now",
        right_on="price_ts",
        by="future",
        tolerance=int(within_minutes * MINUTE_NS),
        check_sortedness=False,
    )


def evaluated(frame: pl.DataFrame, rules: QuoteRules, rate: float | None = None) -> pl.DataFrame:
    """Return quotes with time to expiry, discount, middle price, implied volatility and reason.

    Adds `years`, `rate`, `discount`, `mid`, `iv` (null where there is none), `european` (the middle
    price without the early-exercise premium) and `reason` (null where the quote is used). `rate`
    replaces the dated table's.
    """
    if rate is None:
        days = frame["now"].cast(pl.Datetime("ns")).dt.date()
        by_day = {day: short_rate(day).rate for day in days.unique()}
        rates = np.array([by_day[day] for day in days]) if len(by_day) > 1 else None
        flat = next(iter(by_day.values()), 0.0)
        r = rates if rates is not None else np.full(frame.height, flat)
    else:
        r = np.full(frame.height, rate)
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
    names = [str(one) for one, _ in checks]
    return frame.with_columns(
        pl.Series("years", years),
        pl.Series("rate", r),
        pl.Series("discount", discount),
        pl.Series("mid", mid).fill_nan(None),
        pl.Series("iv", vol).fill_nan(None),
        pl.Series("european", european).fill_nan(None),
        pl.Series("reason", [names[code] if code >= 0 else None for code in reason.tolist()])
        if (reason >= 0).any()
        else pl.lit(None, dtype=pl.Utf8).alias("reason"),
    )


def left_out(frame: pl.DataFrame) -> dict[str, int]:
    """Return how many quotes are not used by reason, the commonest first."""
    counted = frame.filter(pl.col("reason").is_not_null()).group_by("reason").len()
    return dict(counted.sort("len", "reason", descending=[True, False]).iter_rows())


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
