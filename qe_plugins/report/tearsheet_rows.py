"""Rows of the page's tables in order of time; times are in Chicago."""

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
    """Return the first trades, open ones included, with costs and the contract's decimals."""
    first = outcome.positions.sort("opened").head(MOST_ROWS)
    rows = of_trades(first, outcome.data.contracts).with_columns(
        opened_at=_clock("opened"),
        minutes=(pl.col("closed") - pl.col("opened")).dt.total_seconds() / 60,
        adverse=-pl.col("adverse").abs(),
    )
    return rows.to_dicts()


def rolls(outcome: BacktestResult, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first rolls with the fills of their legs and the contract's decimals."""
    precision = {contract.id: contract.precision for contract in outcome.data.contracts}
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
    """Return labels, figures and, where defined, their share of the P&L at reference prices."""
    sides = float(outcome.fills["quantity"].cast(pl.Float64).sum())
    each = f"{figures['fees'] / sides:,.4g} {outcome.currency}" if sides else formatting.UNKNOWN
    amounts = [
        ("P&L at reference prices", "gross_pnl"),
        ("Commissions", "fees"),
        ("Slippage", "slippage"),
        ("Net P&L", "net_pnl"),
        *([("Rolls, included above", "roll_cost")] if figures["rolls"] else []),
    ]
    return [
        *(
            (label, formatting.with_unit(key, figures), _reference_share(key, figures))
            for label, key in amounts
        ),
        ("Contracts traded (sides)", formatting.count(sides), ""),
        ("Commission per contract and side", each, ""),
        ("Slippage per trade (ticks)", formatting.with_unit("slippage_ticks", figures), ""),
        ("Trades with known slippage", formatting.with_unit("slippage_trades", figures), ""),
    ]


def configured(resolved: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return section, name and parameters of each strategy, plugin and other component of a run."""
    rows = []
    for section in ("strategies", "actors", "exec_algorithms", "plugins"):
        for name, given in (resolved.get(section) or {}).items():
            if isinstance(given, dict):  # `plugins.max_failures` is no plugin
                text = ", ".join(f"{key}: {value}" for key, value in given.items())
                rows.append((section.replace("_", " "), name, text))
    return rows


def _reference_share(key: str, figures: dict[str, Any]) -> str:
    gross, value = figures["gross_pnl"], figures[key]
    return formatting.percent(value / gross) if gross > 0 and value is not None else ""


def _clock(column: str) -> pl.Expr:
    return exchange_time.wall(column).dt.strftime(CLOCK)
