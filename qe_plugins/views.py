"""What plugins may look at besides Nautilus' own objects."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from qe_plugins.bars import Bars


class Account(Protocol):
    """The account as it stands at this moment, open positions at their last price."""

    def worth(self) -> Decimal:
        """Return what the account is worth, in its currency.

        Raises LookupError where a position has no price.
        """

    def is_worth(self, amount: Decimal) -> bool:
        """Say whether the account is worth `amount` or more.

        Raises LookupError as `worth` does.
        """


class History(Protocol):
    """The bars that have closed by now."""

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type, oldest first; fewer where there are not as many.

        A type is written as Nautilus does, `MESH25.XCME-1-MINUTE-LAST-EXTERNAL`.
        """
