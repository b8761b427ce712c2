"""The account's equity, marked to market by hour and by session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from qe_plugins.report.figures import exchange_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Nanoseconds = npt.NDArray[np.int64]

EQUITY_DECIMALS = 6
"""Decimals of equity: float rounding far below a cent must not count as a drawdown."""


def curve(
    fills: pl.DataFrame,
    marks: pl.DataFrame,
    multipliers: Mapping[str, float],
    starting: float,
    *,
    daily: bool = False,
) -> pl.DataFrame:
    """Return the account's equity at every mark and every fill.

    `daily` means that the bars are daily or longer. Columns: ts, session (its date), equity
    (currency), drawdown (fraction below the highest equity so far, 0 or negative) and contracts
    (open, long or short, over all instruments).
    """
    grid = np.unique(np.concatenate((_ns(marks), _ns(fills))))
    equity, contracts = np.full(grid.size, starting), np.zeros(grid.size)
    for (instrument,), own in fills.sort("ts", maintain_order=True).group_by("instrument_id"):
        own_marks = marks.filter(pl.col("instrument_id") == instrument)
        position, cash = _position_and_cash(own, grid, multipliers[str(instrument)])
        equity += cash + position * _last_price(own, own_marks, grid) * multipliers[str(instrument)]
        contracts += np.abs(position)
    return _frame(grid, equity.round(EQUITY_DECIMALS), contracts, starting, daily=daily)


def sessions(equity: pl.DataFrame, starting: float) -> pl.DataFrame:
    """Return one row per trading session: session, equity at its last mark, pnl, return, drawdown.

    The return is on the equity at the end of the session before, the first on `starting`; null from
    the first session that ends at or below zero equity. The drawdown is a fraction below the
    highest equity at the end of any session so far, 0 or negative.
    """
    closing = equity.group_by("session").agg(pl.col("equity").last()).sort("session")
    last = pl.col("equity")
    before, solvent = last.shift(1, fill_value=starting), (last > 0).cum_min() & (starting > 0)
    highest = pl.max_horizontal(last.cum_max(), pl.lit(starting))
    return closing.with_columns(
        pnl=last - before,
        drawdown=pl.when(highest > 0).then(last / highest - 1.0),
        **{"return": pl.when(solvent).then(last / before - 1.0)},
    )


def exposure(equity: pl.DataFrame) -> float | None:
    """Return the fraction of traded hours that ended with an open position."""
    hours = equity.group_by((pl.col("ts") - pl.duration(nanoseconds=1)).dt.truncate("1h")).agg(
        pl.col("contracts").last()
    )
    return float((hours["contracts"] > 0).mean()) if hours.height else None  # type: ignore[arg-type]


def _position_and_cash(
    own: pl.DataFrame, grid: Nanoseconds, multiplier: float
) -> tuple[Floats, Floats]:
    """Return signed position and cumulative cash of one instrument's fills, on the grid."""
    signed = np.where(own["side"] == "BUY", 1.0, -1.0) * own["quantity"].cast(pl.Float64).to_numpy()
    cash = -signed * own["price"].to_numpy() * multiplier - own["commission"].to_numpy()
    done = np.searchsorted(_ns(own), grid, side="right")
    return _running(signed)[done], _running(cash)[done]


def _last_price(own: pl.DataFrame, marks: pl.DataFrame, grid: Nanoseconds) -> Floats:
    """Return the latest mark at each moment, or the latest fill where that is newer."""
    times = np.concatenate((_ns(own), _ns(marks)))
    prices = np.concatenate((own["price"].to_numpy(), marks["close"].to_numpy()))
    order = np.argsort(times, kind="stable")  # at equal times the mark comes last and wins
    known = np.concatenate(([0.0], prices[order]))
    return known[np.searchsorted(times[order], grid, side="right")]


def _frame(
    grid: Nanoseconds, equity: Floats, contracts: Floats, starting: float, *, daily: bool
) -> pl.DataFrame:
    highest = np.maximum.accumulate(np.concatenate(([starting], equity)))[1:]
    ratio = np.divide(equity, highest, where=highest > 0, out=np.ones_like(equity))
    frame = pl.DataFrame(
        {
            "ts": pl.Series(grid, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "equity": equity,
            "drawdown": ratio - 1.0,
            "contracts": contracts,
        }
    )
    session = exchange_time.day("ts") if daily else exchange_time.session("ts")
    return frame.insert_column(1, frame.select(session=session)["session"])


def _running(values: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(values)))


def _ns(frame: pl.DataFrame) -> Nanoseconds:
    return frame["ts"].to_physical().to_numpy()


if TYPE_CHECKING:
    import numpy.typing as npt

    from qe_plugins.engine.results.result import BacktestResult

CENT = 0.01
DAILY = ("-DAY-", "-WEEK-", "-MONTH-", "-YEAR-")


def has_daily_bars(outcome: BacktestResult) -> bool:
    """Return whether a run's bars are daily or longer."""
    return any(unit in outcome.bar_spec for unit in DAILY)


@dataclass(frozen=True)
class AccountHistory:
    """Equity of a run: `curve` and `sessions` are the frames of the functions above."""

    starting: float
    curve: pl.DataFrame
    sessions: pl.DataFrame

    @classmethod
    def of(cls, outcome: BacktestResult) -> AccountHistory:
        """Return the account of a finished run, marked to market."""
        multipliers = {
            contract.id: float(contract.multiplier) for contract in outcome.data.contracts
        }
        starting = float(outcome.starting_balance)
        daily = has_daily_bars(outcome)
        marked = curve(outcome.fills, outcome.marks, multipliers, starting, daily=daily)
        return cls(starting, marked, sessions(marked, starting))

    @property
    def ruined(self) -> bool:
        """Return whether equity was at or below zero at any mark; ratios are undefined then."""
        lowest: float = self.curve["equity"].min() if self.curve.height else self.starting  # type: ignore[assignment]
        return min(lowest, self.starting) <= 0.0

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Return the defined simple returns of the sessions, oldest first."""
        return self.sessions["return"].drop_nulls().to_numpy()

    @property
    def depths(self) -> npt.NDArray[np.float64]:
        """Return the drawdown at the end of each session, 0 or a negative fraction."""
        return self.sessions["drawdown"].fill_null(0.0).to_numpy()

    @property
    def final_equity(self) -> float:
        """Return equity at the last mark in currency, open positions included."""
        return float(self.curve["equity"][-1]) if self.curve.height else self.starting

    @property
    def open_contracts(self) -> float:
        """Return the number of contracts open at the end, long or short."""
        return float(self.curve["contracts"][-1]) if self.curve.height else 0.0

    @property
    def deepest(self) -> float | None:
        """Return the maximum drawdown at any mark, 0 or a negative fraction; None without marks."""
        return float(self.curve["drawdown"].min()) if self.curve.height else None  # type: ignore[arg-type]

    @property
    def exposure(self) -> float | None:
        """Return the fraction of traded hours that ended with an open position."""
        return exposure(self.curve)

    def reconciles(self, final_balance: float) -> bool | None:
        """Return whether the fills add up to the engine's balance, to the cent.

        None while a position is open: the balance does not include its open P&L.
        """
        if self.open_contracts:
            return None
        return abs(self.final_equity - final_balance) < CENT
