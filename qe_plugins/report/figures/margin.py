"""Initial margin in use: against the account's equity, and while each trade was open."""

from __future__ import annotations

import numpy as np
import polars as pl

UNKNOWN = dict.fromkeys(
    ("margin_peak", "margin_average", "margin_peak_share", "margin_average_share")
)


def margin_used(account: pl.DataFrame) -> pl.DataFrame:
    """Return ts and locked (initial margin in currency), oldest first; empty if unknown."""
    known = account.filter(pl.col("locked").is_not_null())
    return known.group_by("ts").agg(pl.col("locked").last()).sort("ts")


def against(curve: pl.DataFrame, account: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of an equity curve with `margin` and its `share` of equity, a fraction.

    Empty if margin is unknown. The share is null where equity is zero or negative.
    """
    known = margin_used(account)
    if known.is_empty():
        return curve.clear().with_columns(margin=pl.lit(0.0), share=pl.lit(0.0))
    joined = curve.join_asof(known, on="ts", strategy="backward")
    margin, equity = pl.col("locked").fill_null(0.0), pl.col("equity")
    return joined.with_columns(margin=margin, share=pl.when(equity > 0).then(margin / equity)).drop(
        "locked"
    )


def figures(used: pl.DataFrame) -> dict[str, float | None]:
    """Return peak and average margin, in currency and as a share of equity; None if unknown.

    `used` is the frame of `against`. The averages are time-weighted, closed hours included.
    """
    if used.is_empty():
        return UNKNOWN
    durations = (
        (pl.col("ts").shift(-1) - pl.col("ts")).dt.total_seconds(fractional=True).fill_null(0)
    )
    total, margin, share = durations.sum(), pl.col("margin"), pl.col("share").fill_null(0.0)
    averages = [pl.when(total > 0).then((one * durations).sum() / total) for one in (margin, share)]
    values = used.select(
        peak=margin.max(), average=averages[0], top=pl.col("share").max(), mean=averages[1]
    ).row(0)
    return dict(zip(UNKNOWN, values, strict=True))


def of_trades(trades: pl.DataFrame, account: pl.DataFrame) -> pl.Series:
    """Return the account's peak initial margin while each trade was open, in currency."""
    known = margin_used(account)
    times, locked = known["ts"].to_physical().to_numpy(), known["locked"].to_numpy()
    last = np.iinfo(np.int64).max
    opened = np.searchsorted(times, trades["opened"].to_physical().to_numpy())
    closed = np.searchsorted(times, trades["closed"].to_physical().fill_null(last).to_numpy())
    peaks = [
        float(locked[first:after].max()) if first < after else None
        for first, after in zip(opened, closed, strict=True)
    ]
    return pl.Series("margin", peaks, pl.Float64)
