"""What is held of one expiry and its future, what it cost, and the most it can still lose.

At expiry every option is worth its intrinsic value, so the value of a book is a line of the price
between neighbouring strikes: its least value is at a strike, or at zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from qe_plugins.market.listed_options import ListedOption

ZERO = Decimal(0)


class OptionClaim(msgspec.Struct, frozen=True):
    """What one contract pays at expiry: an option (`sign` 1 call, -1 put), or the future (0)."""

    symbol: str
    sign: int = 0
    strike: Decimal = ZERO

    @classmethod
    def of(cls, option: ListedOption) -> OptionClaim:
        """Return the claim of a listed option."""
        return cls(option.symbol, option.sign, option.strike)

    def payoff(self, price: Decimal) -> Decimal:
        """Return the value of a contract at a price of the future, in points."""
        return max(self.sign * (price - self.strike), ZERO) if self.sign else price


class OptionBook(msgspec.Struct, frozen=True):
    """Signed contracts by claim, and `cash` in USD: premiums and prices paid, and fees.

    `multiplier` is USD a point. All claims are on one future and end at one expiry.
    """

    multiplier: Decimal
    cash: Decimal = ZERO
    held: Mapping[OptionClaim, int] = {}

    def filled(
        self, claim: OptionClaim, contracts: int, price: Decimal, fees: Decimal
    ) -> OptionBook:
        """Return the book after a fill; `contracts` is negative for a sale, `fees` are its USD."""
        held = {**self.held, claim: self.contracts(claim) + contracts}
        return OptionBook(
            self.multiplier,
            self.cash - contracts * price * self.multiplier - fees,
            {one: count for one, count in held.items() if count},
        )

    def contracts(self, claim: OptionClaim) -> int:
        """Return the signed contracts held of a claim."""
        return self.held.get(claim, 0)

    def value(self, price: Decimal) -> Decimal:
        """Return profit or loss in USD if it all ends with the future at a price."""
        points = sum((n * one.payoff(price) for one, n in self.held.items()), ZERO)
        return self.cash + points * self.multiplier

    @property
    def is_bounded(self) -> bool:
        """Return whether no move of the price, up or down, loses without an end.

        A put loses at most its strike; without a long put it counts as unbounded all the same.
        """
        rising = sum(n for one, n in self.held.items() if one.sign >= 0)
        falling = sum(-n if one.sign < 0 else n for one, n in self.held.items() if one.sign <= 0)
        return rising >= 0 and falling <= 0

    @property
    def most_loss(self) -> Decimal | None:
        """Return the largest loss at any price of expiry in USD, at least 0; None if unbounded."""
        if not self.is_bounded:
            return None
        strikes = (one.strike for one in self.held if one.sign)
        return max(ZERO, -min(self.value(price) for price in (ZERO, *strikes)))

    def loses_at_most(self, limit: Decimal) -> bool:
        """Return whether no price of expiry loses more than `limit` USD.

        Of an order it is enough to look at the book before it and the book with all of it filled:
        in between the least value is concave, so a partial fill loses no more than one of them.
        """
        found = self.most_loss
        return found is not None and found <= limit


def claims_of(options: Iterable[ListedOption]) -> dict[str, OptionClaim]:
    """Return claims by symbol. Raises ValueError for options of several expiries or futures."""
    every = list(options)
    if len({(one.expiry, one.underlying) for one in every}) > 1:
        raise ValueError("options of one book must have one expiry and one future")
    return {one.symbol: OptionClaim.of(one) for one in every}
