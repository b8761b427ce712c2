"""The account as plugins see it."""

from __future__ import annotations

from decimal import Decimal
from warnings import deprecated

from qe_plugins.engine.accounting.account_equity import AccountEquity
from qe_plugins.engine.accounting.holdings import CENT


class Account:
    """The account as it stands at this moment."""

    def __init__(self, balance: AccountEquity) -> None:
        self._balance = balance

    def equity(self) -> Decimal:
        """Return the equity, open positions at their last price, rounded to the cent.

        Raises LookupError where a position has no price.
        """
        if missing := self._balance.unpriced():
            raise LookupError(f"no price for {', '.join(map(str, missing))}")
        return self._balance.equity().quantize(CENT)

    def equity_at_least(self, amount: Decimal) -> bool:
        """Return whether the equity is `amount` or more. Raises LookupError as `equity`."""
        return self.equity() >= amount

    @deprecated("use `equity()`; `worth` is removed in the next release")
    def worth(self) -> Decimal:
        """Return `equity()`. Deprecated: removed in the next release."""
        return self.equity()

    @deprecated("use `equity_at_least()`; `is_worth` is removed in the next release")
    def is_worth(self, amount: Decimal) -> bool:
        """Return `equity_at_least(amount)`. Deprecated: removed in the next release."""
        return self.equity_at_least(amount)
