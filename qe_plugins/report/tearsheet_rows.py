"""Rows of the page's tables, in the order they happened, times on Chicago's clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.report.figures import exchange_time, formatting
from qe_plugins.report.figures.costs import of_trades

if TYPE_CHECKING:
    from qe_plugins.engine.results.result import BacktestResult

MOST_ROWS = 500
UTC = pl.Datetime("ms", "UTC")
CLOCK = "%Y-%m-%d %H:%M:%S"


def trades(outcome: BacktestResult) -> list[dict[str, Any]]:
    """Return the first trades, open ones too, with what each cost and its contract's decimals."""
    first = outcome.positions.sort("opened").head(MOST_ROWS)
    told = of_trades(first, outcome.tape.contracts).with_columns(
        opened_at=_clock("opened"),
        minutes=(pl.col("closed") - pl.col("opened")).dt.total_seconds() / 60,
        adverse=-pl.col("adverse").abs(),
    )
    return told.to_dicts()


def rolls(outcome: BacktestResult, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first rolls, with the fill of each leg and its contract's decimals."""
    precision = {contract.id: contract.precision for contract in outcome.tape.contracts}
    first = figures["rolls"][:MOST_ROWS]
    when = pl.Series("at", [datetime.fromisoformat(roll["at"]) for roll in first], UTC)
    clock = pl.DataFrame([when]).select(_clock("at"))["at"]
    return [
        {**roll, "clock": at, "precision": precision[roll["before"]]}
        for roll, at in zip(first, clock, strict=True)
    ]


def vetoes(outcome: BacktestResult) -> list[dict[str, Any]]:
    """Return the first vetoes."""
    return outcome.vetoes.sort("ts").head(MOST_ROWS).with_columns(at=_clock("ts")).to_dicts()


def costs(outcome: BacktestResult, figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what trading cost: a label, a figure and, where it is one, its share of gross."""
    sides = float(outcome.fills["quantity"].cast(pl.Float64).sum())
    each = f"{figures['fees'] / sides:,.4g} {outcome.currency}" if sides else formatting.UNKNOWN
    amounts = [
        ("Gross P&L", "gross_pnl"),
        ("Commissions", "fees"),
        ("Slippage", "slippage"),
        ("Net P&L", "net_pnl"),
        *([("Rolls, within the above", "roll_cost")] if figures["rolls"] else []),
    ]
    return [
        *((label, formatting.say(key, figures), _share(key, figures)) for label, key in amounts),
        ("Contracts bought and sold", formatting.count(sides), ""),
        ("Commission a contract and side", each, ""),
        ("Slippage a trade, in ticks", formatting.say("slippage_ticks", figures), ""),
        ("Trades whose slippage is known", formatting.say("slippage_trades", figures), ""),
    ]


def _share(key: str, figures: dict[str, Any]) -> str:
    gross, value = figures["gross_pnl"], figures[key]
    return formatting.percent(value / gross) if gross > 0 and value is not None else ""


def _clock(column: str) -> pl.Expr:
    return exchange_time.wall(column).dt.strftime(CLOCK)
