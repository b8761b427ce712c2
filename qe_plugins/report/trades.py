"""Figures of the closed trades: how often, how much, how long."""

from __future__ import annotations

from typing import Any

import polars as pl


def closed(positions: pl.DataFrame) -> pl.DataFrame:
    """Return the trades that went flat, oldest first."""
    return positions.filter(pl.col("closed").is_not_null()).sort("closed", "opened")


def figures(trades: pl.DataFrame) -> dict[str, Any]:
    """Return rates and averages over closed trades, in account currency, net of commissions.

    A trade that made exactly nothing counts in the win rate's whole, neither won nor lost. What
    cannot be worked out, such as the profit factor of a run without a losing trade, is None.
    """
    pnl, held = pl.col("pnl"), pl.col("closed") - pl.col("opened")
    won, lost = pnl.filter(pnl > 0), pnl.filter(pnl < 0)
    found = trades.select(
        trades=pl.len(),
        win_rate=(pnl > 0).mean(),
        profit_factor=pl.when(lost.len() > 0).then(won.sum() / -lost.sum()),
        expectancy=pnl.mean(),
        average_win=won.mean(),
        average_loss=lost.mean(),
        largest_win=won.max(),
        largest_loss=lost.min(),
        average_minutes=held.dt.total_seconds(fractional=True).mean() / 60,
    )
    return {**found.row(0, named=True), "longest_losing_streak": _longest_run(trades["pnl"] < 0)}


def _longest_run(hits: pl.Series) -> int:
    runs = pl.DataFrame({"hit": hits, "run": hits.rle_id()}).filter("hit")
    return max(runs.group_by("run").len()["len"], default=0)
