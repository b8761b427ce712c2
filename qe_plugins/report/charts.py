"""The account's charts as plain numbers: equity, drawdown, months, hours of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.report.figures import exchange_time
from qe_plugins.report.price_chart import millis

if TYPE_CHECKING:
    from qe_plugins.report.figures.equity import AccountHistory

STRETCHES = 1_500
SESSION_HOURS = (*range(17, 24), *range(17))


def equity(ledger: AccountHistory) -> dict[str, list[Any]]:
    """Return x, equity and drawdown in percent; each stretch keeps its highest and its lowest."""
    shown = _extremes(ledger.curve, "equity")
    return shown.select(
        x=millis(),
        equity=pl.col("equity").round(2),
        drawdown=(pl.col("drawdown") * 100).round(3),
    ).to_dict(as_series=False)


def margin(used: pl.DataFrame) -> dict[str, list[Any]]:
    """Return x, margin and its share of equity in percent. `used` is `margin.against`'s answer."""
    return (
        _extremes(used, "margin")
        .select(
            x=millis(), margin=pl.col("margin").round(2), share=(pl.col("share") * 100).round(3)
        )
        .to_dict(as_series=False)
    )


def hours(ledger: AccountHistory) -> dict[str, list[Any]]:
    """Return the account's change in each Chicago hour of the day, from the evening open on."""
    change = pl.col("equity") - pl.col("equity").shift(1, fill_value=ledger.starting)
    changes = ledger.curve.select(hour=exchange_time.hour("ts"), change=change)
    found = changes.group_by("hour").agg(pl.col("change").sum())
    by_hour = dict(found.iter_rows())
    return {
        "hour": [f"{hour:02d}" for hour in SESSION_HOURS],
        "pnl": [round(by_hour.get(hour, 0.0), 2) for hour in SESSION_HOURS],
    }


def months(ledger: AccountHistory) -> list[dict[str, Any]]:
    """Return one row a year: `year`, its `months` (12 compounded returns or None), its `total`.

    None where there is no session, and where equity was at or below zero by its end.
    """
    known = pl.col("return").null_count() == 0
    compounded = pl.when(known).then((pl.col("return") + 1.0).product() - 1.0)
    day = pl.col("session").dt
    years = ledger.sessions.group_by(year=day.year()).agg(total=compounded).sort("year")
    cells = ledger.sessions.group_by(year=day.year(), month=day.month()).agg(value=compounded)
    by_month = {(year, month): value for year, month, value in cells.iter_rows()}
    return [
        {
            "year": year,
            "months": [by_month.get((year, month)) for month in range(1, 13)],
            "total": total,
        }
        for year, total in years.iter_rows()
    ]


def _extremes(curve: pl.DataFrame, column: str) -> pl.DataFrame:
    """Keep the first, the lowest and the highest row of every stretch, and the very last."""
    if curve.height <= 2 * STRETCHES:
        return curve
    numbered = curve.with_row_index("row")
    stretch = pl.col("row") // (curve.height // STRETCHES + 1)
    row, worth = pl.col("row"), pl.col(column)
    kept = numbered.group_by(stretch.alias("stretch")).agg(
        low=row.get(worth.arg_min()), high=row.get(worth.arg_max()), last=row.last()
    )
    rows = pl.concat([kept["low"], kept["high"], kept["last"]]).unique().sort()
    return numbered[rows].drop("row")
