"""Positions in one underlying as risk sees them: legs with their volatility, and profits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.options.kernel.revaluation import revalue


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts of one option, or of the future itself (`sign` 0).

    `sign` is 1 for a call and -1 for a put, `years` the time to expiry, `volatility` that of the
    strike. `contracts` is negative for a short position, `multiplier` USD a point.
    """

    sign: int
    strike: float = 0.0
    years: float = 0.0
    volatility: float = 0.0
    contracts: float
    multiplier: float
    american: bool = False
    expiry: int = 0

    def __post_init__(self) -> None:
        if self.sign and not (self.strike > 0 and self.volatility > 0):
            raise DataError(
                "an option needs a strike and a volatility; without a surface its risk is unknown.",
                where="options",
            )


def profits(
    legs: Sequence[Leg],
    price: float,
    rate: float,
    *,
    moves: Sequence[float],
    changes: Sequence[float],
    days: Sequence[float] = (0.0,),
    volatilities: np.ndarray | None = None,
) -> np.ndarray:
    """Return profits in USD by day, move of the price and change of volatility, both relative.

    `volatilities[move, leg]` are those after a move, by default each leg keeps its own. The first
    move must be 0.
    """
    columns: list[np.ndarray[Any, Any]] = [
        np.array([float(getattr(one, name)) for one in legs])
        for name in ("strike", "years", "sign")
    ]
    american = np.array([one.american for one in legs])
    held = np.array([one.contracts * one.multiplier for one in legs])
    own = np.array([one.volatility for one in legs])
    vol = np.tile(own, (len(moves), 1)) if volatilities is None else volatilities
    out = np.zeros((len(days), len(moves), len(changes)))
    if legs:
        grids = (np.array(one, dtype=float) for one in (moves, changes, days))
        revalue(price, rate, *columns, american, held, vol, *grids, out)
    return out
