"""Nautilus' portfolio and cache as components and plugins see them: with one account in them.

The engine keeps an account for every venue that contracts trade on, and knows margin as a fraction
of a price. A futures broker keeps one account and asks for dollars a contract; so whichever venue
or account id is asked for, the answer is that account. What belongs to a contract, a venue or a
strategy is the engine's own answer.
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

from qe_plugins.engine.accounting.balance import ZERO, Balance

if TYPE_CHECKING:
    from qe_plugins.engine.risk.rules import MarginCalculator

FILTER = "account_id"


class SingleAccount:
    """The account as Nautilus' own `MarginAccount`, brought up to date when it is asked for.

    `name` is the venue that the configuration gives it, `venues` those that contracts trade on:
    for each of them, `engines`, the engine keeps an account of its own.
    """

    def __init__(
        self, name: str, venues: Iterable[Venue], balance: Balance, margin: MarginCalculator
    ):
        self.balance, self._margin, self.engines = balance, margin, list(venues)
        self.venues = dict.fromkeys([Venue(name), *self.engines])
        self.id = AccountId(f"{name}-001")
        self.ids = {self.id, *(AccountId(f"{venue}-001") for venue in self.venues)}
        self.now: Callable[[], int] = lambda: 0
        self._state: tuple[Any, ...] | None = None
        self._account = MarginAccount(self._event(balance.starting, {}, 0), False)

    def account(self) -> MarginAccount:
        """Return the account as it stands: balance, and margins in dollars a contract.

        What is locked is the initial margin of positions and working orders, as the gate holds it.
        """
        now = self.now()
        state = (self.balance.total(), self.margins(now))
        if state != self._state:
            self._state = state
            self._account.apply(self._event(*state, now))
        return self._account

    def margins(self, now: int | None = None) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return the initial and the maintenance margin of each contract at risk, in currency."""
        return self._margin.by_contract(self.now() if now is None else now)

    def money(self, amount: Decimal) -> Money:
        """Return an amount in the account's currency, rounded to its cents (half to even)."""
        return Money.from_decimal(amount, self.balance.currency)

    def is_meant(self, venue: Any, account_id: Any) -> bool:
        """Say whether a venue or an account id is this account's."""
        return account_id in self.ids if account_id is not None else venue in self.venues

    def _event(
        self, total: Decimal, margins: dict[Any, tuple[Decimal, Decimal]], ts: int
    ) -> AccountState:
        amount = self.money(total)
        tied = sum((initial for initial, _ in margins.values()), ZERO)
        locked = self.money(max(min(tied, amount.as_decimal()), ZERO))
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
    """Passes everything on to the engine's object, but for what its subclass answers.

    Where the engine can filter by account id, the one account's id filters nothing out.
    """

    def __init__(self, inner: Any, one: SingleAccount) -> None:
        self._inner, self._one = inner, one

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # a copy that is being made has none of ours yet
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
        def asked(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get(FILTER) in self._one.ids:
                del kwargs[FILTER]
            elif len(args) > place and args[place] in self._one.ids:
                args = (*args[:place], None, *args[place + 1 :])
            return method(*args, **kwargs)

        return asked


class CacheView(ForwardingView):
    """The engine's cache, where every venue has the one account."""

    def account(self, account_id: Any) -> Any:
        return self._one.account() if account_id in self._one.ids else None

    def account_for_venue(self, venue: Any) -> Any:
        return self._one.account() if venue in self._one.venues else None

    def account_id(self, venue: Any) -> Any:
        return self._one.id if venue in self._one.venues else None


class PortfolioView(ForwardingView):
    """The engine's portfolio, where every venue has the one account."""

    def account(self, venue: Any = None, account_id: Any = None) -> Any:
        return self._one.account() if self._one.is_meant(venue, account_id) else None

    def equity(self, venue: Any = None, account_id: Any = None) -> dict[Any, Money]:
        if not self._one.is_meant(venue, account_id):
            return {}
        balance = self._one.balance
        return {balance.currency: self._one.money(balance.equity())}

    def missing_price_instruments(self, venue: Any, account_id: Any = None) -> list[Any]:
        return self._one.balance.unpriced() if self._one.is_meant(venue, account_id) else []

    def balances_locked(self, venue: Any = None, account_id: Any = None) -> Any:
        if not self._one.is_meant(venue, account_id):
            return None
        return self._one.account().balances_locked()

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
        """Raise: the engine's own snapshot would be of one venue's part of the account."""
        raise NotImplementedError("ask account(), equity() and unrealized_pnls() instead")

    snapshots = build_snapshot

    def _margins(self, which: int, venue: Any, account_id: Any) -> dict[Any, Money] | None:
        if not self._one.is_meant(venue, account_id):
            return None
        return {c: self._one.money(both[which]) for c, both in self._one.margins().items()}

    def _summed(self, name: str, venue: Any, account_id: Any, **more: Any) -> dict[Any, Money]:
        """Return the engine's answer for a venue; for the account that of all venues together."""
        venues = [venue] if venue is not None else self._one.venues
        found: dict[Any, Money] = {}
        for one in venues:
            for currency, amount in (getattr(self._inner, name)(venue=one, **more) or {}).items():
                found[currency] = found[currency] + amount if currency in found else amount
        return found
