"""Greeks of options by Black-76 at the volatility of their strike."""

from __future__ import annotations

import numpy as np
import polars as pl

from qe_plugins.options.kernel.black76 import GREEKS, greeks_of

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
    usable = frame.filter(pl.col("reason").is_null())
    outside = usable.filter(pl.col("sign") * (pl.col("strike") - pl.col("price")) >= 0)
    keys = ["now", "expiry", "strike"]
    strikes = outside.group_by(keys).agg(pl.col("iv").first().alias("otm_iv"))
    own = pl.when(pl.col("reason").is_null()).then(pl.col("iv"))
    joined = frame.join(strikes, on=keys, how="left", maintain_order="left")
    joined = joined.with_columns(vol=pl.coalesce("otm_iv", own)).drop("otm_iv")
    columns = greek_columns(joined, joined["vol"].to_numpy())
    return joined.with_columns(
        pl.Series(name, columns[:, i]).fill_nan(None) for i, name in enumerate(GREEKS)
    )


def greek_columns(frame: pl.DataFrame, vol: np.ndarray) -> np.ndarray:
    """Return a row of Greeks an option, in `UNITS`' order; NaN where the volatility is."""
    names = ("price", "strike", "years", "discount", "sign")
    f, k, t, d, s = (np.ascontiguousarray(frame[name].to_numpy(), dtype=float) for name in names)
    out = np.empty((frame.height, len(GREEKS)))
    greeks_of(f, k, t, d, np.ascontiguousarray(np.nan_to_num(vol)), s, out)
    return out
