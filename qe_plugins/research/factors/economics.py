"""What a factor must predict to pay its costs."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.market.specs import fees, market
from qe_plugins.research.factors.significance import Yardstick

SIDES = 2
PARTICIPATION = 0.01
"""Part of a minute's volume that an order may be without moving the price."""

POWER = 1.25
"""Deviations by which t must exceed the critical value to be found twice in 80% of cases."""


class Economics(msgspec.Struct, frozen=True):
    """A round trip's cost in points, what a horizon moves, and the IC at which they are equal.

    `confirmable` is the IC that this history finds in 80% of cases at the family-wise level.
    """

    contract: str
    cost: float
    deviation: float
    break_even: float
    confirmable: float


def round_trip(contract: str, on: date, slippage_ticks: float) -> float:
    """Return fees and slippage of a round trip in points. Raises DataError for costs of zero."""
    spec = market(contract)
    fee = float(fees(contract, on).total)
    cost = SIDES * (fee / float(spec.multiplier) + slippage_ticks * float(spec.tick))
    if not cost > 0:
        hint = "A factor without costs always pays: set 'slippage_ticks', or fees in markets.yaml."
        raise DataError("costs of a round trip are zero.", where=contract, hint=hint)
    return cost


def economics(
    contract: str,
    cost: float,
    deviations: np.ndarray,
    yardstick: Yardstick,
    t_per_ic: float,
) -> Economics:
    """Return the break-even IC at the median deviation of the horizon, in points.

    `t_per_ic` is how much t a half gains for each unit of IC, measured on this very history.
    """
    deviation = float(np.median(deviations))
    found = (yardstick.critical + POWER) / t_per_ic if t_per_ic > 0 else float("nan")
    return Economics(contract, cost, deviation, cost / deviation, found)


def t_per_ic(t: np.ndarray, ic: np.ndarray) -> float:
    """Return the slope of t on IC through the origin, over factors that vary."""
    used = np.isfinite(t) & np.isfinite(ic) & (ic != 0)
    squares = float((ic[used] ** 2).sum())
    return float((t[used] * ic[used]).sum()) / squares if squares > 0 else 0.0


def capacity(volume: float, turnover: float) -> int:
    """Return the average position (contracts) whose orders stay within the volume of a minute.

    `volume` is that of the bar in which orders fill, `turnover` the part of the average position
    that a decision changes.
    """
    return int(PARTICIPATION * volume / turnover) if turnover > 0 else 0
