"""What the account is worth, for plugins."""

from __future__ import annotations

from decimal import Decimal

from qe_plugins.engine.accounting.balance import CENT, Balance


class Account:
    """The account as it stands at this moment."""

    def __init__(self, balance: Balance) -> None:
        self._balance = balance

    def worth(self) -> Decimal:
        """Return what the account is worth, open positions at their last price, to the cent.

        Raises LookupError where a position has no price.
        """
        if missing := self._balance.unpriced():
            raise LookupError(f"no price for {', '.join(map(str, missing))}")
        return self._balance.equity().quantize(CENT)

    def is_worth(self, amount: Decimal) -> bool:
        """Say whether the account is worth `amount` or more."""
        return self.worth() >= amount
