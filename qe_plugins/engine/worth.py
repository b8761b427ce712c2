"""What the account is worth, kept from fills in floats: enough to say that no limit is near.

To ask the engine takes ten times as long. It is asked where this figure leaves a doubt, and every
so often all the same, since it rounds what each fill earned to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

OFTEN = 256
"""Fills after which the engine is asked again."""

SLACK = 5.0
"""Dollars by which this figure may be wrong."""


class Worth:
    """Cash and contracts. `known` is false until the account was looked at.

    While the price is between `low` and `high`, the account is worth at least `least` dollars. With
    contracts of more than one kind, or none that bars are heard of, there are no such prices.
    """

    def __init__(self) -> None:
        self.nets: dict[Any, float] = {}
        self.known = False
        self.least = self.low = self.high = 0.0
        self._cash, self._fills = 0.0, 0

    def take(self, contract: Any, event: Any, multiplier: float, maintenance: float) -> None:
        """Take a fill in. `maintenance` is dollars a contract; inf where none of this is safe."""
        size, price, fee = event.last_qty.as_double(), event.last_px.as_double(), event.commission
        size = size if event.is_buy else -size
        net = self.nets.get(contract, 0.0) + size
        if net:
            self.nets[contract] = net
        else:
            self.nets.pop(contract, None)
        self._cash -= size * price * multiplier + (fee.as_double() if fee is not None else 0.0)
        self._fills += 1
        if self._fills % OFTEN == 0 or (self.nets and contract not in self.nets):
            self.forget()  # or what is left is of another kind, and its price not told by this fill
        elif self.known:
            self._bound(price, multiplier, maintenance)

    def learn(
        self,
        worth: float,
        held: Mapping[Any, float],
        price: float = 0.0,
        multiplier: float = 0.0,
        maintenance: float = inf,
    ) -> None:
        """Learn what is held, of one kind of contract at most, and what the account is worth."""
        self.nets = dict(held)
        self._cash = worth - sum(self.nets.values()) * price * multiplier
        self.known = True
        self._bound(price, multiplier, maintenance)

    def forget(self) -> None:
        """Ask the engine the next time."""
        self.known = False
        self.low = self.high = 0.0

    def holds(self, contract: Any, more: float, initial: float) -> bool:
        """Say that `more` contracts can surely be held; False means look closer.

        `initial` is dollars a contract. Only true while the price is a safe one.
        """
        nets = self.nets
        if not self.known or (nets and (contract not in nets or self.low == self.high)):
            return False
        return abs(nets.get(contract, 0.0) + more) * initial + SLACK < self.least

    def _bound(self, price: float, multiplier: float, maintenance: float) -> None:
        """Find the prices at which no more than half of what is spare has been lost."""
        self.low = self.high = 0.0
        if not self.nets:
            self.least = self._cash
        elif len(self.nets) == 1:
            (net,) = self.nets.values()
            needed = abs(net) * maintenance
            spare = self._cash + net * price * multiplier - needed - SLACK
            if spare > 0:
                away = spare / 2 / abs(net) / multiplier
                self.low, self.high, self.least = price - away, price + away, needed + spare / 2
