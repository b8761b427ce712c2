"""Closed trades split by what one may ask of them: strategy, side, exit, hour, weekday, holding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.report.figures import exchange_time, metrics

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOLDING = ((5, "under 5 minutes"), (15, "5 to 15 minutes"), (60, "15 to 60 minutes"),
           (240, "1 to 4 hours"), (1_440, "4 to 24 hours"))  # fmt: skip
LONGER = "over 24 hours"
EXITS = {
    "STOP_MARKET": "stop", "STOP_LIMIT": "stop", "TRAILING_STOP_MARKET": "stop",
    "TRAILING_STOP_LIMIT": "stop", "LIMIT": "limit", "LIMIT_IF_TOUCHED": "limit",
    "MARKET_IF_TOUCHED": "limit", "MARKET": "market", "MARKET_TO_LIMIT": "market",
}  # fmt: skip
NO_ORDER = "no order"
"""The exit of a trade that settlement closed."""

BY = {
    "strategy": "Strategy",
    "side": "Side",
    "exit_type": "Exit by",
    "entry_hour": "Hour of entry (Chicago)",
    "entry_weekday": "Session's weekday",
    "holding": "Holding period",
}


def tables(outcome: BacktestResult) -> list[dict[str, Any]]:
    """Return one table for each question: `title` and `rows`.

    A row has `name`, `trades`, `win_rate`, `profit_factor`, `average` and `net_pnl`, as
    `metrics.figures` defines them. A session's weekday is that of the date on which it ends.
    """
    closed = labelled(outcome)
    if closed.is_empty():
        return []
    return [
        {"title": title, "rows": [_row(name, own) for name, own in _groups(closed, column)]}
        for column, title in BY.items()
    ]


def labelled(outcome: BacktestResult) -> pl.DataFrame:
    """Return the closed trades with a column for each key of `BY`."""
    closed = metrics.closed(outcome.positions).join(_exits(outcome), on="id", how="left")
    minutes = (pl.col("closed") - pl.col("opened")).dt.total_seconds(fractional=True) / 60
    bins = [pl.when(minutes < limit).then(pl.lit(name)) for limit, name in HOLDING]
    return closed.with_columns(
        entry_hour=exchange_time.hour("opened"),
        entry_weekday=exchange_time.session("opened").dt.weekday(),
        holding=pl.coalesce(*bins, pl.lit(LONGER)),
        exit_type=pl.col("exit_type").fill_null(NO_ORDER),
    )


def _exits(outcome: BacktestResult) -> pl.DataFrame:
    """Return the kind of order that closed each position: columns id, exit_type.

    The order is that of the last fill at the time of the close; fills have no number of a trade.
    """
    of = ["instrument_id", "strategy"]
    fills = outcome.fills.select(*of, "client_order_id", closed="ts")
    last = fills.unique([*of, "closed"], keep="last", maintain_order=True)
    kinds = outcome.orders.select("client_order_id", exit_type=pl.col("type").replace(EXITS))
    kinds = kinds.unique("client_order_id", keep="last")
    closing = metrics.closed(outcome.positions).join(last, on=[*of, "closed"], how="left")
    return closing.join(kinds, on="client_order_id", how="left").select("id", "exit_type")


def _groups(closed: pl.DataFrame, column: str) -> list[tuple[str, pl.DataFrame]]:
    """Return the groups in the order of a clock or a calendar, else the largest first."""
    groups = {key: own for (key,), own in closed.group_by(column, maintain_order=True)}
    if column == "entry_hour":
        return [(f"{hour:02d}:00", groups[hour]) for hour in sorted(groups, key=_since_open)]
    if column == "entry_weekday":
        return [(WEEKDAYS[day - 1], groups[day]) for day in sorted(groups)]
    if column == "holding":
        order = [name for _, name in HOLDING] + [LONGER]
        return [(name, groups[name]) for name in order if name in groups]
    return sorted(groups.items(), key=lambda group: (-group[1].height, group[0]))


def _since_open(hour: int) -> int:
    return (hour - 17) % 24


def _row(name: str, own: pl.DataFrame) -> dict[str, Any]:
    found = metrics.figures(own)
    return {
        "name": name,
        "trades": found["trades"],
        "win_rate": found["win_rate"],
        "profit_factor": found["profit_factor"],
        "average": found["expectancy"],
        "net_pnl": float(own["pnl"].sum()),
    }
