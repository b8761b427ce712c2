"""A lower bound of the account's equity, computed from fills in floats.

Where it shows that no margin limit is near, the engine need not be queried, which would take ten
times as long. The engine is queried when the bound is inconclusive, and at least every 256 fills,
since it rounds the P&L of each fill to the cent.
"""

from __future__ import annotations

from typing import Any

import msgspec

MAX_FILLS = 256
"""Fills after which the bound is invalid."""

SLACK = 5.0
"""Dollars by which the bound may be wrong."""


class ContractExposure(msgspec.Struct, eq=False):
    """A contract that was traded.

    `multiplier` is in dollars a point. `maintenance` is the largest maintenance margin of the
    contract in the whole run, in dollars; infinite where no bars price the contract.
    """

    contract: Any
    multiplier: float
    maintenance: float


class EquityBound:
    """Cash, and a position in one contract. `known` is false until `reset` is called.

    While the price is between `low` and `high` the equity is at least `least` dollars. A fill in a
    second contract invalidates the bound.
    """

    __slots__ = ("_cash", "_fills", "exposure", "high", "known", "least", "low", "net")

    def __init__(self) -> None:
        self.known = False
        self.exposure: ContractExposure | None = None
        self.net = self.least = self.low = self.high = 0.0
        self._cash, self._fills = 0.0, 0

    def apply_fill(self, exposure: ContractExposure, size: float, price: float, fee: float) -> None:
        """Apply a fill of `size` signed contracts at `price` points with a fee in dollars."""
        self._fills += 1
        if self._fills >= MAX_FILLS or (self.net and exposure is not self.exposure):
            self.invalidate()
        if not self.known:
            return
        self.exposure, self.net = exposure, self.net + size
        self._cash -= size * price * exposure.multiplier + fee
        self._compute_bounds(price)

    def reset(
        self,
        equity: float,
        exposure: ContractExposure | None = None,
        net: float = 0.0,
        price: float = 0.0,
    ) -> None:
        """Start again from the engine's equity, with `net` contracts of one kind open, or none."""
        self.known, self.exposure, self.net, self._fills = True, exposure, net, 0
        self._cash = equity - (net * price * exposure.multiplier if exposure else 0.0)
        self._compute_bounds(price)

    def invalidate(self) -> None:
        """Discard the bound until the next `reset`."""
        self.known = False
        self.net = self.low = self.high = 0.0

    @property
    def is_flat(self) -> bool:
        """Whether the account is known to have no position, so that prices do not matter."""
        return self.known and not self.net

    def _compute_bounds(self, price: float) -> None:
        """Find the prices at which half of the excess over the maintenance margin is lost."""
        net, exposure = self.net, self.exposure
        if not net or exposure is None:
            self.low = self.high = 0.0
            self.least = self._cash
            return
        size = abs(net)
        required = size * exposure.maintenance
        excess = self._cash + net * price * exposure.multiplier - required - SLACK
        if excess > 0:
            distance = excess / 2 / size / exposure.multiplier
            self.low, self.high = price - distance, price + distance
            self.least = required + excess / 2
        else:
            self.low = self.high = 0.0
