"""The one account of a run: its exact balance and equity, whatever venues its contracts trade on.

The engine keeps an account a venue and rounds what each fill earned to the cent, which drifts where
a tick is worth half a cent. It is asked for what open positions have won or lost, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import Currency, InstrumentId, Money, Venue

from qe_plugins.engine.contracts.instruments import decimal

if TYPE_CHECKING:
    from qe_plugins.config.nautilus import Venue as Settings

ZERO, CENT = Decimal(0), Decimal("0.01")
CREDIT = Decimal(1_000_000_000)
"""What each of the engine's accounts has beside the balance: none is ever short by itself."""


class Holding(msgspec.Struct):
    """What one strategy holds in one contract: signed contracts, and what they were filled at.

    `multiplier` is in currency a point; `cost` is contracts x points, at their average price.
    """

    multiplier: Decimal
    net: Decimal = ZERO
    cost: Decimal = ZERO

    def take(self, size: Decimal, price: Decimal) -> None:
        """Take a fill in: signed contracts at a price in points."""
        net, after = self.net, self.net + size
        if net * size >= 0:
            self.cost += size * price
        elif after * net > 0:
            self.cost = self.cost * after / net
        else:
            self.cost = after * price
        self.net = after


class Earnings:
    """What fills have earned, after fees; exact while nothing is held.

    While a position is partly closed its average price may not be a finite decimal.
    """

    def __init__(self) -> None:
        self.held: dict[tuple[Any, Any], Holding] = {}
        self._cash = ZERO

    def take(
        self, key: tuple[Any, Any], multiplier: Decimal, size: Decimal, price: Decimal, fee: Decimal
    ) -> None:
        """Take a fill of a strategy in a contract in: signed contracts, points, currency."""
        holding = self.held.get(key) or Holding(multiplier)
        holding.take(size, price)
        if holding.net:
            self.held[key] = holding
        else:
            self.held.pop(key, None)
        self._cash -= size * price * multiplier + fee

    def realised(self) -> Decimal:
        """Return what closed contracts have earned, less all fees, in currency."""
        return self._cash + sum((one.cost * one.multiplier for one in self.held.values()), ZERO)


class Balance:
    """The balance of one account in one currency, fill by fill.

    `starting` is in `currency`. `filled` must get every fill before anything asks.
    """

    def __init__(self, cache: Any, portfolio: Any, currency: str, starting: Decimal) -> None:
        self._cache, self._portfolio = cache, portfolio
        self.currency, self.starting = Currency.from_str(currency), starting
        self.fills = 0
        self._earnings = Earnings()
        self._multipliers: dict[Any, Decimal] = {}

    def filled(self, event: Any) -> None:
        """Take an `OrderFilled` of any strategy in."""
        contract, fee = event.instrument_id, event.commission
        multiplier = self._multipliers.get(contract)
        if multiplier is None:
            multiplier = decimal(self._cache.instrument(contract).multiplier)
            self._multipliers[contract] = multiplier
        size = decimal(event.last_qty)
        self._earnings.take(
            (event.strategy_id, contract),
            multiplier,
            size if event.is_buy else -size,
            decimal(event.last_px),
            ZERO if fee is None else decimal(fee),
        )
        self.fills += 1

    def total(self) -> Decimal:
        """Return the balance: what the account began with, what was realised, less fees."""
        return self.starting + self._earnings.realised()

    def equity(self) -> Decimal:
        """Return the balance and what open positions have won or lost at their last price.

        A position without a price counts as if it had neither won nor lost.
        """
        amounts = (self._open(contract) for contract in self.held())
        return self.total() + sum((one for one in amounts if one is not None), ZERO)

    def unpriced(self) -> list[Any]:
        """Return the contracts that are held and have no price yet."""
        return [one for one in self.held() if self._open(one) is None]

    def held(self) -> list[Any]:
        """Return the contracts in which any strategy holds a position."""
        return list(dict.fromkeys(contract for _, contract in self._earnings.held))

    def differs(self, venues: Iterable[Venue]) -> str:
        """Return how the engine's own accounts differ by more than cents a fill; empty if not."""
        accounts = [self._cache.account_for_venue(venue) for venue in venues]
        earned = sum((decimal(one.balance_total(self.currency)) - CREDIT for one in accounts), ZERO)
        ours = self._earnings.realised()
        if abs(earned - ours) <= CENT * (self.fills + 1):
            return ""
        return f"the engine's accounts earned {earned:,.2f}, the fills come to {ours:,.2f}"

    def _open(self, contract: InstrumentId) -> Decimal | None:
        found = self._portfolio.unrealized_pnl(contract)
        return None if found is None else decimal(found)


def starting_balance(settings: Settings) -> Decimal:
    """Return what the account begins with, in its currency."""
    currency = Currency.from_str(settings.base_currency or "USD")
    amounts = [Money.from_str(text) for text in settings.starting_balances]
    return sum((decimal(one) for one in amounts if one.currency == currency), ZERO)


def credit(currency: Currency) -> Sequence[Money]:
    """Return the balances with which each of the engine's own accounts begins."""
    return [Money.from_decimal(CREDIT, currency)]
