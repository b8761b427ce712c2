"""Data of the account's charts: equity, margin, returns and their distribution, P&L by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from qe_plugins.report.figures import exchange_time, metrics

if TYPE_CHECKING:
    from qe_plugins.report.figures.equity import AccountHistory

INTERVALS = 1_500
WINDOW = 63
"""Sessions of a rolling figure: a quarter of a year."""

BINS = 41
MOST_DOTS = 2_000
SESSION_HOURS = (*range(17, 24), *range(17))


def equity(history: AccountHistory) -> dict[str, list[Any]]:
    """Return x, equity in currency and drawdown in percent, downsampled with its extremes."""
    shown = _extremes(history.curve, "equity")
    return shown.select(
        x=exchange_time.millis(),
        equity=pl.col("equity").round(2),
        drawdown=(pl.col("drawdown") * 100).round(3),
    ).to_dict(as_series=False)


def margin(used: pl.DataFrame) -> dict[str, list[Any]]:
    """Return x, margin in currency and as percent of equity; `used` is from `margin.against`."""
    return (
        _extremes(used, "margin")
        .select(
            x=exchange_time.millis(),
            margin=pl.col("margin").round(2),
            share=(pl.col("share") * 100).round(3),
        )
        .to_dict(as_series=False)
    )


def hours(history: AccountHistory) -> dict[str, list[Any]]:
    """Return the P&L of each hour of the day in Chicago, from the open at 17:00 on."""
    change = pl.col("equity") - pl.col("equity").shift(1, fill_value=history.starting)
    changes = history.curve.select(hour=exchange_time.hour("ts"), change=change)
    found = changes.group_by("hour").agg(pl.col("change").sum())
    by_hour = dict(found.iter_rows())
    return {
        "hour": [f"{hour:02d}" for hour in SESSION_HOURS],
        "pnl": [round(by_hour.get(hour, 0.0), 2) for hour in SESSION_HOURS],
    }


def months(history: AccountHistory) -> list[dict[str, Any]]:
    """Return one row per year: `year`, its `months` (12 compounded returns), its `total`.

    None for months without a session, and from the point where equity fell to zero or below.
    """
    known = pl.col("return").null_count() == 0
    compounded = pl.when(known).then((pl.col("return") + 1.0).product() - 1.0)
    day = pl.col("session").dt
    years = history.sessions.group_by(year=day.year()).agg(total=compounded).sort("year")
    cells = history.sessions.group_by(year=day.year(), month=day.month()).agg(value=compounded)
    by_month = {(year, month): value for year, month, value in cells.iter_rows()}
    return [
        {
            "year": year,
            "months": [by_month.get((year, month)) for month in range(1, 13)],
            "total": total,
        }
        for year, total in years.iter_rows()
    ]


def rolling(history: AccountHistory) -> dict[str, Any]:
    """Return session dates with the Sharpe ratio and volatility (percent) of the last 63 sessions.

    Annualised by 252 sessions. Empty below 64 sessions and for a run whose equity was zero or less.
    """
    if history.ruined or history.sessions.height <= WINDOW:
        return {"window": WINDOW, "day": [], "sharpe": [], "volatility": []}
    mean = pl.col("return").rolling_mean(WINDOW)
    deviation = pl.col("return").rolling_std(WINDOW)
    a_year = metrics.SESSIONS_A_YEAR
    found = history.sessions.select(
        day=pl.col("session").cast(pl.String),
        sharpe=pl.when(deviation > 1e-12).then(mean / deviation * a_year**0.5).round(3),
        volatility=(deviation * a_year**0.5 * 100).round(3),
    )[WINDOW - 1 :]
    return {"window": WINDOW, **found.to_dict(as_series=False)}


def distribution(history: AccountHistory) -> dict[str, Any]:
    """Return the histogram of session returns: middle and width of each bin, sessions, and VaR.

    All but the sessions are in percent.
    """
    returns = history.returns * 100
    if returns.size < 2 or returns.min() == returns.max():
        return {"middle": [], "width": [], "sessions": [], "value_at_risk": None}
    counts, edges = np.histogram(returns, min(BINS, returns.size))
    return {
        "middle": ((edges[1:] + edges[:-1]) / 2).round(4).tolist(),
        "width": np.diff(edges).round(4).tolist(),
        "sessions": counts.tolist(),
        "value_at_risk": metrics.value_at_risk(returns),
    }


def excursions(positions: pl.DataFrame) -> dict[str, list[Any]]:
    """Return MAE, MFE and net P&L (currency) and the number of each trade that has excursions."""
    closed = (
        positions.sort("opened")
        .with_row_index("trade", offset=1)
        .filter(
            pl.col("closed").is_not_null()
            & pl.col("favorable").is_not_null()
            & pl.col("adverse").is_not_null()
        )
    )
    if closed.height > MOST_DOTS:
        closed = closed.gather_every(-(-closed.height // MOST_DOTS))
    return closed.select(
        "trade",
        mae=-pl.col("adverse").abs().round(2),
        mfe=pl.col("favorable").round(2),
        pnl=pl.col("pnl").round(2),
    ).to_dict(as_series=False)


def _extremes(curve: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the lowest, the highest and the last row of each of about 1,500 intervals."""
    if curve.height <= 2 * INTERVALS:
        return curve
    numbered = curve.with_row_index("row")
    interval = pl.col("row") // (curve.height // INTERVALS + 1)
    row, value = pl.col("row"), pl.col(column)
    extremes = numbered.group_by(interval.alias("interval")).agg(
        low=row.get(value.arg_min()), high=row.get(value.arg_max()), last=row.last()
    )
    rows = pl.concat([extremes["low"], extremes["high"], extremes["last"]]).unique().sort()
    return numbered[rows].drop("row")
