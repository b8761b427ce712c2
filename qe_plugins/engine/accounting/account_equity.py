"""The account's equity: of our own fills, or as a broker reports it. By account id, never by venue.

A futures broker's balance is the net liquidation value: the open profit is in it, and nothing may
be added. It arrives every few minutes; one that is too old is not the account's equity any more.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from qe_plugins.engine.contracts.instruments import decimal

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.holdings import Balance

OLDEST = 300 * 1_000_000_000
"""The age (nanoseconds) beyond which a broker's figure is not known to hold."""


class AccountEquity(Protocol):
    """The equity of one account in one currency."""

    currency: Any
    starting: Decimal

    def total(self) -> Decimal:
        """Return the balance, in currency."""

    def equity(self) -> Decimal:
        """Return the equity, or where it is unknown the lowest that it may be, in currency."""

    def premium_paid(self) -> Decimal:
        """Return what open options cost, in currency; negative where received."""

    def unpriced(self) -> list[Any]:
        """Return the contracts whose position has no price that the equity needs."""

    def unknown(self) -> str:
        """Return why the equity is unknown, empty where it is known. Unknown means no new risk."""


class BrokerEquity:
    """The equity of a broker's account.

    `fills` is our own account of what was traded, `now` returns UTC nanoseconds. While the broker's
    figure is at most OLDEST old it is the equity. After that the equity is unknown, and at least
    the lower of that figure and of the same figure moved by our own fills and prices since.
    """

    def __init__(self, cache: Any, account_id: Any, fills: Balance, now: Callable[[], int]) -> None:
        self._cache, self.account_id, self._fills, self._now = cache, account_id, fills, now
        self.currency, self.starting = fills.currency, fills.starting
        self._at = 0
        self._figure: Decimal | None = None
        self._base = Decimal(0)

    def refresh(self) -> None:
        """Read the broker's newest figure. Call at least once a second."""
        account = self._cache.account(self.account_id)
        event = account.last_event if account is not None else None
        if account is None or event is None or event.ts_event <= self._at:
            return
        if (total := account.balance_total(self.currency)) is None:
            return
        self._figure, self._at = decimal(total), event.ts_event
        self._base = self._fills.equity()

    @property
    def age(self) -> int | None:
        """Return the age of the broker's figure in nanoseconds, None without one."""
        return None if self._figure is None else max(self._now() - self._at, 0)

    def unknown(self) -> str:
        self.refresh()
        age = self.age
        if age is None:
            return f"{self.account_id} has reported no balance yet"
        if age <= OLDEST:
            return ""
        return f"the balance of {self.account_id} is {age // 1_000_000_000} s old"

    def total(self) -> Decimal:
        return self.equity()

    def equity(self) -> Decimal:
        unknown = self.unknown()
        if self._figure is None:
            return self._fills.equity()
        if not unknown:
            return self._figure
        return min(self._figure, self._figure + self._fills.equity() - self._base)

    def premium_paid(self) -> Decimal:
        return self._fills.premium_paid()

    def unpriced(self) -> list[Any]:
        """Return the contracts without a price, and the account itself without any figure."""
        if not self.unknown():
            return []
        return self._fills.unpriced() if self._figure is not None else [self.account_id]
