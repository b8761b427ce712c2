"""Short straddles hedged with their future on given paths: what they earn, and what they can lose.

The arithmetic of selling volatility, on generated paths without jumps. Real markets jump: the worst
of such paths is not the worst that can happen.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from qe_plugins.options.kernel.black76 import GREEKS, INV_SQRT_2PI, greeks_of, prices

SESSIONS_A_YEAR = 252
HEDGES_A_SESSION = 46
"""One each half hour of 23 hours."""

HEDGE_STEP = 0.1
"""Contracts: an ES straddle is hedged in MES."""

WORST_SHARE = 0.01


class StraddleProfits(msgspec.Struct, frozen=True, kw_only=True):
    """Of each path the profit of one short straddle in points, and what its hedges traded.

    `gross` is before all costs; `traded` is in contracts of the future, both directions.
    """

    gross: np.ndarray
    traded: np.ndarray


class StraddleRisk(msgspec.Struct, frozen=True, kw_only=True):
    """Profits of a short straddle over many paths, in points, negative for a loss.

    `expected` is the gross profit by the formula, `mean` that of the paths with its standard error;
    `worst_hundredth` is the gross profit that one path in a hundred falls below.
    """

    expected: float
    mean: float
    error: float
    worst_hundredth: float
    worst: float
    traded: float


def straddle_delta(price: np.ndarray, strike: float, years: float, volatility: float) -> np.ndarray:
    """Return the delta of a long straddle at each price, at a rate of 0."""
    call = np.empty((len(price), len(GREEKS)))
    greeks_of(price, *_columns(len(price), strike, years, 1.0, volatility, 1.0), call)
    delta: np.ndarray = 2 * call[:, GREEKS.index("delta")] - 1
    return delta


def straddle_premium(price: float, strike: float, years: float, volatility: float) -> float:
    """Return what a call and a put are worth together, in points, at a rate of 0."""
    worth = np.empty(2)
    columns = _columns(2, strike, years, 1.0, volatility, 1.0)
    columns[-1][:] = (1.0, -1.0)
    prices(np.full(2, price), *columns, worth)
    return float(worth.sum())


def hedged_profits(
    paths: np.ndarray, years: np.ndarray, strike: float, premium: float, volatility: float
) -> StraddleProfits:
    """Return the profits of straddles that are sold for `premium` points and hedged.

    `paths[moment, path]` are prices of the future, the last at expiry; `years[moment]` is the time
    that is left, 0 at the last. At every moment before it the future is held that offsets the delta
    at `volatility`, in whole `HEDGE_STEP`s.
    """
    held, traded = np.zeros(paths.shape[1]), np.zeros(paths.shape[1])
    gross = premium - np.abs(paths[-1] - strike)
    for now, after, left in zip(paths[:-1], paths[1:], years[:-1], strict=True):
        hedge = hedge_of(now, strike, float(left), volatility)
        traded += np.abs(hedge - held)
        gross += hedge * (after - now)
        held = hedge
    return StraddleProfits(gross=gross, traded=traded + np.abs(held))


def hedge_of(price: np.ndarray, strike: float, years: float, volatility: float) -> np.ndarray:
    """Return the contracts of the future that offset a short straddle at each price."""
    delta = straddle_delta(price, strike, years, volatility)
    found: np.ndarray = np.round(delta / HEDGE_STEP) * HEDGE_STEP
    return found


def generated_paths(
    price: float, realised: float, sessions: int, count: int, seed: int
) -> np.ndarray:
    """Return prices by moment and path: no drift, a constant volatility, no jumps."""
    steps = sessions * HEDGES_A_SESSION
    step = realised * math.sqrt(1 / SESSIONS_A_YEAR / HEDGES_A_SESSION)
    paths = np.empty((steps + 1, count))
    paths[0] = price
    moves = np.random.default_rng(seed).normal(-0.5 * step * step, step, (steps, count))
    np.multiply(price, np.exp(np.cumsum(moves, axis=0)), out=paths[1:])
    return paths


def straddle_risk(
    price: float, implied: float, realised: float, sessions: int, count: int, seed: int
) -> StraddleRisk:
    """Return what straddles sold at the money at `implied` earn where the market moves `realised`.

    Both are annual volatilities; `count` paths of `sessions` sessions are generated.
    """
    paths = generated_paths(price, realised, sessions, count, seed)
    years = np.linspace(sessions / SESSIONS_A_YEAR, 0.0, len(paths))
    premium = straddle_premium(price, price, float(years[0]), implied)
    found = hedged_profits(paths, years, price, premium, implied)
    return StraddleRisk(
        expected=2 * price * INV_SQRT_2PI * math.sqrt(float(years[0])) * (implied - realised),
        mean=float(found.gross.mean()),
        error=float(found.gross.std(ddof=1)) / math.sqrt(count),
        worst_hundredth=float(np.quantile(found.gross, WORST_SHARE)),
        worst=float(found.gross.min()),
        traded=float(found.traded.mean()),
    )


def _columns(count: int, *values: float) -> list[np.ndarray]:
    return [np.full(count, value) for value in values]
