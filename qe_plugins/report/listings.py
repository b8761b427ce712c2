"""Rows of the page's tables, in the order they happened, times on Chicago's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from qe_plugins.report import chicago, wording

if TYPE_CHECKING:
    from qe_plugins.engine.outcome import Outcome

MOST_ROWS = 500
CLOCK = "%Y-%m-%d %H:%M:%S"


def trades(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the first trades, open ones too, with prices in the contract's decimals."""
    precision = {contract.id: contract.precision for contract in outcome.tape.contracts}
    first = outcome.positions.sort("opened").head(MOST_ROWS)
    told = first.with_columns(
        opened_at=_clock("opened"),
        minutes=(pl.col("closed") - pl.col("opened")).dt.total_seconds() / 60,
        adverse=-pl.col("adverse").abs(),
    )
    return [{**row, "precision": precision[row["instrument_id"]]} for row in told.to_dicts()]


def vetoes(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the first vetoes."""
    return outcome.vetoes.sort("ts").head(MOST_ROWS).with_columns(at=_clock("ts")).to_dicts()


def costs(outcome: Outcome, figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what trading cost as pairs of a label and a figure."""
    sides = float(outcome.fills["quantity"].cast(pl.Float64).sum())
    gross = figures["net_pnl"] + figures["fees"]
    each = f"{figures['fees'] / sides:,.4g} {outcome.currency}" if sides else wording.UNKNOWN
    return [
        ("P&L before commissions", f"{wording.money(gross)} {outcome.currency}"),
        ("Commissions", wording.say("fees", figures)),
        ("Net P&L", wording.say("net_pnl", figures)),
        ("Contracts bought and sold", wording.count(sides)),
        ("Commission a contract and side", each),
        ("Slippage, in the P&L above", wording.say("slippage", figures)),
        ("Slippage a trade, in ticks", wording.say("slippage_ticks", figures)),
        ("Trades whose slippage is known", wording.say("slippage_trades", figures)),
    ]


def _clock(column: str) -> pl.Expr:
    return chicago.wall(column).dt.strftime(CLOCK)
