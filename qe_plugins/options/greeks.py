"""Greeks of options by Black-76 at the volatility of their strike."""

from __future__ import annotations

import numpy as np
import polars as pl

from qe_plugins.options.kernel.black76 import GREEKS, greeks_of
from qe_plugins.options.quotes import strike_numbers, used_rows

UNITS = {
    "delta": "points a point of the future",
    "gamma": "delta a point of the future",
    "vega": "points a volatility point (0.01)",
    "theta": "points a calendar day",
    "rho": "points a percent of the rate, the future unchanged",
    "vanna": "delta a volatility point",
    "volga": "vega a volatility point",
}
"""Units of the Greeks of one option."""


def with_greeks(frame: pl.DataFrame) -> pl.DataFrame:
    """Return evaluated quotes with `vol`, the volatility of their strike, and `UNITS`' columns.

    The volatility is that of the strike's out-of-the-money option, whose spread is the narrower one
    in volatility; an option's own where the other is not quoted.
    """
    used, numbers = used_rows(frame), strike_numbers(frame)
    strike, price, sign = (frame[name].to_numpy() for name in ("strike", "price", "sign"))
    own = np.where(used, frame["iv"].to_numpy(), np.nan)
    outside = np.flatnonzero(used & (sign * (strike - price) >= 0))
    quoted, first = np.unique(numbers[outside], return_index=True)
    by_strike = np.full(numbers.max(initial=0) + 1, np.nan)
    by_strike[quoted] = own[outside[first]]
    vol = np.where(np.isfinite(by_strike[numbers]), by_strike[numbers], own)
    columns = dict(zip(("vol", *GREEKS), (vol, *greek_columns(frame, vol).T), strict=True))
    return frame.hstack(
        [pl.Series(name, values, nan_to_null=True) for name, values in columns.items()]
    )


def greek_columns(frame: pl.DataFrame, vol: np.ndarray) -> np.ndarray:
    """Return a row of Greeks an option, in `UNITS`' order; NaN where the volatility is."""
    names = ("price", "strike", "years", "discount", "sign")
    f, k, t, d, s = (np.ascontiguousarray(frame[name].to_numpy(), dtype=float) for name in names)
    out = np.empty((frame.height, len(GREEKS)))
    greeks_of(f, k, t, d, np.ascontiguousarray(np.nan_to_num(vol)), s, out)
    return out
