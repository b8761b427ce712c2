"""Performance ratios of a return series, as empyrical defines them; None where undefined.

Every function takes simple returns, one per trading session (0.01 is one percent). `a_year` is the
number of sessions in a calendar year; it is smaller where sessions are missing.
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
    """Return the compound annual growth rate. None after a total loss."""
    ending = _growth(returns)[-1] if returns.size else 0.0
    if ending <= 0.0:
        return None
    with np.errstate(over="ignore"):
        return _finite(ending ** (a_year / returns.size) - 1.0)


def volatility(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised sample standard deviation. None below two sessions."""
    return _finite(_deviation(returns) * np.sqrt(a_year)) if returns.size > 1 else None


def sharpe(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised Sharpe ratio, risk-free rate zero. None for constant returns."""
    if returns.size < 2 or (deviation := _deviation(returns)) == 0.0:
        return None
    return _finite(returns.mean() / deviation * np.sqrt(a_year))


def sortino(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annualised Sortino ratio, target zero. None without a losing session."""
    if returns.size < 2:
        return None
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).mean()) * np.sqrt(a_year)
    return _finite(returns.mean() * a_year / downside) if downside > 0.0 else None


def drawdowns(returns: Returns) -> Returns:
    """Return the drawdown of the compounded series at each session, 0 or negative."""
    growth = _growth(returns)
    return (growth / np.maximum.accumulate(growth) - 1.0)[1:]


def max_drawdown(returns: Returns) -> float | None:
    """Return the maximum drawdown as a negative fraction; 0.0 if there was none."""
    return _finite(drawdowns(returns).min()) if returns.size else None


def longest_drawdown(depths: Returns) -> int:
    """Return the longest drawdown in sessions.

    `depths` are the drawdowns of the sessions, as `drawdowns` returns them.
    """
    below = np.concatenate(([0], (depths < 0.0).astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(below))
    return int(np.diff(edges.reshape(-1, 2)).max(initial=0))


def calmar(returns: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return annual growth over maximum drawdown. None without a drawdown."""
    growth, deepest = cagr(returns, a_year), max_drawdown(returns)
    return None if growth is None or not deepest else _finite(growth / abs(deepest))


def skewness(returns: Returns) -> float | None:
    """Return the sample skewness, corrected for bias. None below three sessions."""
    count = returns.size
    if count < 3 or (deviation := _deviation(returns)) == 0.0:
        return None
    third = np.power((returns - returns.mean()) / deviation, 3).sum()
    return _finite(count * third / ((count - 1) * (count - 2)))


def kurtosis(returns: Returns) -> float | None:
    """Return the sample excess kurtosis, corrected for bias: 0 for a normal distribution.

    None below four sessions.
    """
    count = returns.size
    if count < 4 or (deviation := _deviation(returns)) == 0.0:
        return None
    fourth = np.power((returns - returns.mean()) / deviation, 4).sum()
    scale = count * (count + 1) / ((count - 1) * (count - 2) * (count - 3))
    return _finite(scale * fourth - 3 * (count - 1) ** 2 / ((count - 2) * (count - 3)))


def value_at_risk(returns: Returns) -> float | None:
    """Return the return that one session in twenty falls below: the 5% quantile of history."""
    return _finite(np.percentile(returns, 5)) if returns.size else None


def expected_shortfall(returns: Returns) -> float | None:
    """Return the mean return of the worst 5% of sessions, at least one."""
    if not returns.size:
        return None
    count = int((returns.size - 1) * 0.05) + 1
    return _finite(np.partition(returns, count - 1)[:count].mean())


def beta(returns: Returns, benchmark: Returns) -> float | None:
    """Return the slope of the returns on those of a benchmark in the same sessions.

    None below two sessions and for a constant benchmark.
    """
    if returns.size < 2 or _deviation(benchmark) == 0.0:
        return None
    return _finite(np.cov(returns, benchmark)[0, 1] / benchmark.var(ddof=1))


def alpha(returns: Returns, benchmark: Returns, a_year: float = SESSIONS_A_YEAR) -> float | None:
    """Return the annual return that the benchmark does not explain. None where beta is None."""
    slope = beta(returns, benchmark)
    if slope is None:
        return None
    with np.errstate(over="ignore"):
        return _finite((1.0 + (returns - slope * benchmark).mean()) ** a_year - 1.0)


def _growth(returns: Returns) -> Returns:
    """Return the value of one unit before the first session and after each."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def _deviation(returns: Returns) -> float:
    """Return the sample standard deviation; exactly zero for equal values, despite rounding."""
    return 0.0 if returns.max() == returns.min() else float(returns.std(ddof=1))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def closed(positions: pl.DataFrame) -> pl.DataFrame:
    """Return the closed trades, oldest first."""
    return positions.filter(pl.col("closed").is_not_null()).sort("closed", "opened")


def figures(trades: pl.DataFrame) -> dict[str, Any]:
    """Return rates and averages over closed trades, in account currency, net of commissions.

    A trade with a P&L of exactly zero counts in the win rate's denominator, as neither win nor
    loss. `sqn` is the system quality number, the t statistic of the average trade. Undefined
    figures, such as the profit factor without a losing trade, are None.
    """
    pnl, holding = pl.col("pnl"), pl.col("closed") - pl.col("opened")
    wins, losses = pnl.filter(pnl > 0), pnl.filter(pnl < 0)
    found = trades.select(
        trades=pl.len(),
        win_rate=(pnl > 0).mean(),
        profit_factor=pl.when(losses.len() > 0).then(wins.sum() / -losses.sum()),
        expectancy=pnl.mean(),
        average_win=wins.mean(),
        average_loss=losses.mean(),
        largest_win=wins.max(),
        largest_loss=losses.min(),
        average_minutes=holding.dt.total_seconds(fractional=True).mean() / 60,
        sqn=pl.when(pnl.std() > 0).then(pl.len().sqrt() * pnl.mean() / pnl.std()),
    )
    return {**found.row(0, named=True), "longest_losing_streak": _longest_run(trades["pnl"] < 0)}


def _longest_run(hits: pl.Series) -> int:
    runs = pl.DataFrame({"hit": hits, "run": hits.rle_id()}).filter("hit")
    return max(runs.group_by("run").len()["len"], default=0)
