"""What the account is worth, kept from fills in floats: enough to say that no limit is near.

To ask the engine takes ten times as long. It is asked where this figure leaves a doubt, and every
so often all the same, since it rounds what each fill earned to the cent.
"""

from __future__ import annotations

from typing import Any

import msgspec

OFTEN = 256
"""Fills after which the engine is asked again."""

SLACK = 5.0
"""Dollars by which this figure may be wrong."""


class StrategyPosition(msgspec.Struct, eq=False):
    """A strategy that has traded a contract. `net` is what it holds, negative when short.

    `alarmed` says that it will be told of the contract's deadline.
    """

    trader: Any
    strategy: str
    contract: str
    net: float = 0.0
    alarmed: bool = False


class ContractExposure(msgspec.Struct, eq=False):
    """One contract that was traded, and who traded it, by id. `multiplier` is dollars a point.

    `maintenance` is the most that holding one has asked for in the whole run, in dollars; infinite
    where no bars tell the contract's price.
    """

    contract: Any
    multiplier: float
    maintenance: float
    holders: dict[Any, StrategyPosition]


class EquityBound:
    """Cash, and contracts of one kind. `known` is false until the account was looked at.

    While the price is between `low` and `high` the account is worth at least `least` dollars. After
    a fill in a second kind of contract nothing is known until the account is looked at again.
    """

    __slots__ = ("_cash", "_fills", "high", "known", "least", "line", "low", "net")

    def __init__(self) -> None:
        self.known = False
        self.line: ContractExposure | None = None
        self.net = self.least = self.low = self.high = 0.0
        self._cash, self._fills = 0.0, 0

    def take(self, line: ContractExposure, size: float, price: float, fee: float) -> None:
        """Take a fill in: signed contracts, points, dollars."""
        self._fills += 1
        if self._fills >= OFTEN or (self.net and line is not self.line):
            self.forget()
        if not self.known:
            return
        self.line, self.net = line, self.net + size
        self._cash -= size * price * line.multiplier + fee
        self._bound(price)

    def learn(
        self,
        worth: float,
        line: ContractExposure | None = None,
        net: float = 0.0,
        price: float = 0.0,
    ) -> None:
        """Learn what the account is worth while `net` contracts of one kind are held, or none."""
        self.known, self.line, self.net, self._fills = True, line, net, 0
        self._cash = worth - (net * price * line.multiplier if line else 0.0)
        self._bound(price)

    def forget(self) -> None:
        """Ask the engine the next time."""
        self.known = False
        self.net = self.low = self.high = 0.0

    @property
    def settled(self) -> bool:
        """Whether nothing is held, so that no price needs a look."""
        return self.known and not self.net

    def _bound(self, price: float) -> None:
        """Find the prices at which no more than half of what is spare has been lost."""
        net, line = self.net, self.line
        if not net or line is None:
            self.low = self.high = 0.0
            self.least = self._cash
            return
        size = abs(net)
        needed = size * line.maintenance
        spare = self._cash + net * price * line.multiplier - needed - SLACK
        if spare > 0:
            away = spare / 2 / size / line.multiplier
            self.low, self.high, self.least = price - away, price + away, needed + spare / 2
        else:
            self.low = self.high = 0.0
