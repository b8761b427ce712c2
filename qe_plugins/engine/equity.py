"""What the account is worth, for plugins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model import Venue


class Account:
    """The account as it stands at this moment."""

    def __init__(self, portfolio: Any, venue: str) -> None:
        self._portfolio, self._venue = portfolio, Venue(venue)

    def worth(self) -> Decimal:
        """Return what the account is worth, open positions at their last price.

        Raises LookupError where a position has no price, or the account more than one currency.
        """
        if missing := self._portfolio.missing_price_instruments(self._venue):
            raise LookupError(f"no price for {', '.join(map(str, missing))}")
        amounts = list(self._portfolio.equity(venue=self._venue).values())
        if len(amounts) != 1:
            raise LookupError(f"an account in one currency is needed, was {len(amounts)}")
        worth: Decimal = amounts[0].as_decimal()
        return worth

    def is_worth(self, amount: Decimal) -> bool:
        """Say whether the account is worth `amount` or more."""
        return self.worth() >= amount
