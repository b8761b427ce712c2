"""One run's account, worked out once from its fills and marks for everything that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from qe_plugins.report import equity

if TYPE_CHECKING:
    import numpy.typing as npt

    from qe_plugins.engine.outcome import Outcome

CENT = 0.01
DAILY = ("-DAY-", "-WEEK-", "-MONTH-", "-YEAR-")


@dataclass(frozen=True)
class Ledger:
    """`curve` and `sessions` are what `equity.curve` and `equity.sessions` return."""

    starting: float
    curve: pl.DataFrame
    sessions: pl.DataFrame

    @classmethod
    def of(cls, outcome: Outcome) -> Ledger:
        """Mark a finished run's account to market."""
        worth = {contract.id: float(contract.multiplier) for contract in outcome.tape.contracts}
        starting = float(outcome.starting_balance)
        daily = any(unit in outcome.bar_spec for unit in DAILY)
        curve = equity.curve(outcome.fills, outcome.marks, worth, starting, daily=daily)
        return cls(starting, curve, equity.sessions(curve, starting))

    @property
    def ruined(self) -> bool:
        """Return whether equity was at or below zero at any mark: ratios are undefined then."""
        lowest: float = self.curve["equity"].min() if self.curve.height else self.starting  # type: ignore[assignment]
        return min(lowest, self.starting) <= 0.0

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Return the simple return of every session, oldest first, as far as it is defined."""
        return self.sessions["return"].drop_nulls().to_numpy()

    @property
    def depths(self) -> npt.NDArray[np.float64]:
        """Return how far each session ended below the highest equity, 0 or a negative fraction."""
        return self.sessions["drawdown"].fill_null(0.0).to_numpy()

    @property
    def final_equity(self) -> float:
        """Return what the account is worth at the last mark, open positions included."""
        return float(self.curve["equity"][-1]) if self.curve.height else self.starting

    @property
    def open_contracts(self) -> float:
        """Return the contracts still open at the end, long or short."""
        return float(self.curve["contracts"][-1]) if self.curve.height else 0.0

    @property
    def deepest(self) -> float | None:
        """Return the deepest drawdown seen at any mark, a negative fraction or 0."""
        return float(self.curve["drawdown"].min()) if self.curve.height else None  # type: ignore[arg-type]

    @property
    def exposure(self) -> float | None:
        """Return the share of traded hours at whose end a position was open."""
        return equity.exposure(self.curve)

    def reconciles(self, final_balance: float) -> bool | None:
        """Return whether our sum of fills is the engine's balance. None while a position is open,
        whose profit the balance does not hold yet."""
        if self.open_contracts:
            return None
        return abs(self.final_equity - final_balance) < CENT
