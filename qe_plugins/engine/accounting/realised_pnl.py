"""The realised P&L of fills, in exact decimals; an option's premium is cash from its fill on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

ZERO = Decimal(0)


class Holding(msgspec.Struct):
    """The position of one strategy in one contract, and its cost.

    `net` is in signed contracts, `multiplier` in currency a point; `cost` is contracts x points at
    the average price. `premium` says that the price is paid in cash at once, as an option's is.
    """

    multiplier: Decimal
    premium: bool = False
    net: Decimal = ZERO
    cost: Decimal = ZERO

    def add_fill(self, size: Decimal, price: Decimal) -> None:
        """Add a fill: signed contracts at a price in points."""
        net, after = self.net, self.net + size
        if net * size >= 0:
            self.cost += size * price
        elif after * net > 0:
            self.cost = self.cost * after / net
        else:
            self.cost = after * price
        self.net = after


class RealisedPnl:
    """The realised P&L of fills, net of fees. `holdings` are by strategy and contract.

    It is exact without open positions; the average price of a partly closed position may not be a
    finite decimal.
    """

    def __init__(self) -> None:
        self.holdings: dict[tuple[Any, Any], Holding] = {}
        self._cash = ZERO

    def add_fill(
        self,
        key: tuple[Any, Any],
        multiplier: Decimal,
        size: Decimal,
        price: Decimal,
        fee: Decimal,
        *,
        premium: bool = False,
    ) -> None:
        """Add a fill of a strategy in a contract: signed contracts, points, fee in currency.

        The `premium` of an option is cash: it is in what `realised` returns from the fill on.
        """
        holding = self.holdings.get(key) or Holding(multiplier, premium)
        holding.add_fill(size, price)
        if holding.net:
            self.holdings[key] = holding
        else:
            self.holdings.pop(key, None)
        self._cash -= size * price * multiplier + fee

    def realised(self) -> Decimal:
        """Return the realised P&L less all fees, and premiums paid or received, in currency."""
        open_ = (one for one in self.holdings.values() if not one.premium)
        return self._cash + sum((one.cost * one.multiplier for one in open_), ZERO)

    def premium_paid(self) -> Decimal:
        """Return what open options cost, in currency; negative where received."""
        options = (one for one in self.holdings.values() if one.premium)
        return sum((one.cost * one.multiplier for one in options), ZERO)
