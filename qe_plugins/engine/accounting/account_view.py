"""Nautilus' portfolio and cache as strategies and plugins read them: with a single account.

The engine has an account for every venue that contracts trade on, and margins as a fraction of the
price. A futures broker has one account and margins in dollars per contract; so every venue and
account id returns that account. Figures of a contract, a venue or a strategy are the engine's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

from nautilus_trader.core import UUID4
from nautilus_trader.model import (
    AccountBalance,
    AccountId,
    AccountState,
    AccountType,
    MarginAccount,
    MarginBalance,
    Money,
    Venue,
)

from qe_plugins.engine.accounting.holdings import ZERO

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.account_equity import AccountEquity
    from qe_plugins.engine.risk.margin import MarginCalculator

FILTER = "account_id"


class SingleAccount:
    """The account as Nautilus' own `MarginAccount`, brought up to date when it is read.

    `name` is the venue of the configuration, `account_id` the id at a broker; `venues` are those
    that contracts trade on. `engines` are the venues for which the engine has an account of its
    own, `now` returns UTC nanoseconds.
    """

    def __init__(
        self,
        name: str,
        venues: Iterable[Venue],
        balance: AccountEquity,
        margin: MarginCalculator,
        account_id: AccountId | None = None,
    ):
        self.balance, self._margin, self.engines = balance, margin, list(venues)
        self.venues = dict.fromkeys([Venue(name), *self.engines])
        self.id = account_id or AccountId(f"{name}-001")
        self.ids = {self.id, *(AccountId(f"{venue}-001") for venue in self.venues)}
        self.now: Callable[[], int] = lambda: 0
        self._state: tuple[Any, ...] | None = None
        self._account = MarginAccount(self._event(balance.starting, {}, 0), False)

    def account(self) -> MarginAccount:
        """Return the account at this moment: balance, and margins in dollars per contract.

        The locked balance is the initial margin of positions and working orders, as in the gate.
        """
        now = self.now()
        state = (self.balance.total(), self.margins(now))
        if state != self._state:
            self._state = state
            self._account.apply(self._event(*state, now))
        return self._account

    def margins(self, now: int | None = None) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return initial and maintenance margin of each contract with exposure, in currency."""
        return self._margin.by_contract(self.now() if now is None else now)

    def money(self, amount: Decimal) -> Money:
        """Return an amount in the account's currency, rounded to its cents (half to even)."""
        return Money.from_decimal(amount, self.balance.currency)

    def is_own(self, venue: Any, account_id: Any) -> bool:
        """Return whether a venue or an account id is this account's."""
        return account_id in self.ids if account_id is not None else venue in self.venues

    def _event(
        self, total: Decimal, margins: dict[Any, tuple[Decimal, Decimal]], ts: int
    ) -> AccountState:
        amount = self.money(total)
        initial_margin = sum((initial for initial, _ in margins.values()), ZERO)
        locked = self.money(max(min(initial_margin, amount.as_decimal()), ZERO))
        return AccountState(
            account_id=self.id,
            account_type=AccountType.MARGIN,
            balances=[AccountBalance(amount, locked, amount - locked)],
            margins=[
                MarginBalance(self.money(initial), self.money(maintenance), contract)
                for contract, (initial, maintenance) in margins.items()
            ],
            is_reported=False,
            event_id=UUID4(),
            ts_event=ts,
            ts_init=ts,
            base_currency=self.balance.currency,
        )


class ForwardingView:
    """Forwards every attribute to the engine's object, but those that a subclass defines.

    Where a method filters by account id, the single account's id filters nothing out.
    """

    def __init__(self, inner: Any, account: SingleAccount) -> None:
        self._inner, self._account = inner, account

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is copied, the attributes below are not set yet
            raise AttributeError(name)
        found = getattr(self._inner, name)
        if callable(found):
            if FILTER in inspect.signature(found).parameters:
                found = self._unfiltered(found)
            self.__dict__[name] = found
        return found

    def _unfiltered(self, method: Callable[..., Any]) -> Callable[..., Any]:
        place = list(inspect.signature(method).parameters).index(FILTER)

        @wraps(method)
        def unfiltered(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get(FILTER) in self._account.ids:
                del kwargs[FILTER]
            elif len(args) > place and args[place] in self._account.ids:
                args = (*args[:place], None, *args[place + 1 :])
            return method(*args, **kwargs)

        return unfiltered


class CacheView(ForwardingView):
    """The engine's cache, where every venue has the single account."""

    def account(self, account_id: Any) -> Any:
        return self._account.account() if account_id in self._account.ids else None

    def account_for_venue(self, venue: Any) -> Any:
        return self._account.account() if venue in self._account.venues else None

    def account_id(self, venue: Any) -> Any:
        return self._account.id if venue in self._account.venues else None


class PortfolioView(ForwardingView):
    """The engine's portfolio, where every venue has the single account."""

    def account(self, venue: Any = None, account_id: Any = None) -> Any:
        return self._account.account() if self._account.is_own(venue, account_id) else None

    def equity(self, venue: Any = None, account_id: Any = None) -> dict[Any, Money]:
        if not self._account.is_own(venue, account_id):
            return {}
        balance = self._account.balance
        return {balance.currency: self._account.money(balance.equity())}

    def missing_price_instruments(self, venue: Any, account_id: Any = None) -> list[Any]:
        return self._account.balance.unpriced() if self._account.is_own(venue, account_id) else []

    def balances_locked(self, venue: Any = None, account_id: Any = None) -> Any:
        if not self._account.is_own(venue, account_id):
            return None
        return self._account.account().balances_locked()

    def instrument_initial_margins(self, venue: Any = None, account_id: Any = None) -> Any:
        return self._margins(0, venue, account_id)

    def instrument_maintenance_margins(self, venue: Any = None, account_id: Any = None) -> Any:
        return self._margins(1, venue, account_id)

    def mark_values(self, venue: Any = None, account_id: Any = None) -> dict[Any, Money]:
        return self._summed("mark_values", venue, account_id)

    def net_exposures(
        self, venue: Any = None, account_id: Any = None, target_currency: Any = None
    ) -> dict[Any, Money]:
        more = {} if target_currency is None else {"target_currency": target_currency}
        return self._summed("net_exposures", venue, account_id, **more)

    def build_snapshot(self, account_id: Any) -> None:
        """Raise NotImplementedError: the engine's snapshot would be of one venue only."""
        raise NotImplementedError("use account(), equity() and unrealized_pnls() instead")

    snapshots = build_snapshot

    def _margins(self, which: int, venue: Any, account_id: Any) -> dict[Any, Money] | None:
        if not self._account.is_own(venue, account_id):
            return None
        return {c: self._account.money(both[which]) for c, both in self._account.margins().items()}

    def _summed(self, name: str, venue: Any, account_id: Any, **more: Any) -> dict[Any, Money]:
        """Return the engine's amounts for a venue; without one, the sums over all venues."""
        venues = [venue] if venue is not None else self._account.venues
        found: dict[Any, Money] = {}
        for one in venues:
            for currency, amount in (getattr(self._inner, name)(venue=one, **more) or {}).items():
                found[currency] = found[currency] + amount if currency in found else amount
        return found
