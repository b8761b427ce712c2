"""Figures of a return series, as empyrical defines them, with None where there is no answer.

Every function takes simple returns, one a trading session (0.01 is one percent). `a_year` is how
many of them there are in a year of the calendar: fewer where sessions are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import numpy.typing as npt

    Returns = npt.NDArray[np.float64]

SESSIONS_A_YEAR = 252
WEEKDAYS_A_YEAR = 365.25 * 5 / 7
NANOSECONDS_A_YEAR = 365.25 * 86_400 * 1e9


def years(start: int, end: int, sessions: int) -> float:
    """Return the years from `start` to `end` (UTC ns), at least as long as `sessions` weekdays."""
    return max((end - start) / NANOSECONDS_A_YEAR, sessions / WEEKDAYS_A_YEAR)


def total_return(returns: Returns) -> float | None:
    """Return the compounded return of the whole series."""
    return _finite(_growth(returns)[-1] - 1.0) if returns.size else None


def cagr(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the compound annual growth rate. None when everything was lost."""
    ending = _growth(returns)[-1] if returns.size else 0.0
    if ending <= 0.0:
        return None
    with np.errstate(over="ignore"):
        return _finite(ending ** (a_year / returns.size) - 1.0)


def volatility(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised sample standard deviation. None below two sessions."""
    return _finite(_deviation(returns) * np.sqrt(a_year)) if returns.size > 1 else None


def sharpe(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised Sharpe ratio, risk-free rate zero. None when nothing varied."""
    if returns.size < 2 or (deviation := _deviation(returns)) == 0.0:
        return None
    return _finite(returns.mean() / deviation * np.sqrt(a_year))


def sortino(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised Sortino ratio, target zero. None when no session lost."""
    if returns.size < 2:
        return None
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).mean()) * np.sqrt(a_year)
    return _finite(returns.mean() * a_year / downside) if downside > 0.0 else None


def drawdowns(returns: Returns) -> Returns:
    """Return how far the compounded series stood below its highest, each session, 0 or negative."""
    growth = _growth(returns)
    return (growth / np.maximum.accumulate(growth) - 1.0)[1:]


def max_drawdown(returns: Returns) -> float | None:
    """Return the deepest drawdown as a negative fraction. 0.0 when there was none."""
    return _finite(drawdowns(returns).min()) if returns.size else None


def longest_drawdown(depths: Returns) -> int:
    """Return the most sessions in a row that closed below an earlier high.

    `depths` is how far each stood below it, as `drawdowns` returns it.
    """
    below = np.concatenate(([0], (depths < 0.0).astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(below))
    return int(np.diff(edges.reshape(-1, 2)).max(initial=0))


def calmar(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return annual growth over the deepest drawdown. None when there was no drawdown."""
    growth, deepest = cagr(returns, a_year), max_drawdown(returns)
    return None if growth is None or not deepest else _finite(growth / abs(deepest))


def _growth(returns: Returns) -> Returns:
    """Return what one unit became, before the first session and after each."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def _deviation(returns: Returns) -> float:
    """Return the sample deviation, exactly zero for equal values, where rounding leaves dust."""
    return 0.0 if returns.max() == returns.min() else float(returns.std(ddof=1))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
