"""The single account of a run: its exact balance and equity over all venues.

The engine has an account per venue and rounds the P&L of each fill to the cent, which drifts where
a tick is half a cent. So the balance is computed here from the fills; only the unrealised P&L of
open positions is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import Currency, InstrumentId, Money, StrategyId, Venue

from qe_plugins.engine.contracts.instruments import decimal

if TYPE_CHECKING:
    from qe_plugins.config.nautilus import Venue as Settings
    from qe_plugins.engine.accounting.trades import Fill

ZERO, CENT = Decimal(0), Decimal("0.01")
CREDIT = Decimal(1_000_000_000)
"""Added to the balance of each of the engine's own accounts, so that none can run short."""


class Holding(msgspec.Struct):
    """The position of one strategy in one contract, and its cost.

    `net` is in signed contracts, `multiplier` in currency a point; `cost` is contracts x points at
    the average price.
    """

    multiplier: Decimal
    net: Decimal = ZERO
    cost: Decimal = ZERO

    def add_fill(self, size: Decimal, price: Decimal) -> None:
        """Add a fill: signed contracts at a price in points."""
        net, after = self.net, self.net + size
        if net * size >= 0:
            self.cost += size * price
        elif after * net > 0:
            self.cost = self.cost * after / net
        else:
            self.cost = after * price
        self.net = after


class RealisedPnl:
    """The realised P&L of fills, net of fees. `holdings` are by strategy and contract.

    It is exact without open positions; the average price of a partly closed position may not be a
    finite decimal.
    """

    def __init__(self) -> None:
        self.holdings: dict[tuple[Any, Any], Holding] = {}
        self._cash = ZERO

    def add_fill(
        self, key: tuple[Any, Any], multiplier: Decimal, size: Decimal, price: Decimal, fee: Decimal
    ) -> None:
        """Add a fill of a strategy in a contract: signed contracts, points, fee in currency."""
        holding = self.holdings.get(key) or Holding(multiplier)
        holding.add_fill(size, price)
        if holding.net:
            self.holdings[key] = holding
        else:
            self.holdings.pop(key, None)
        self._cash -= size * price * multiplier + fee

    def realised(self) -> Decimal:
        """Return the realised P&L less all fees, in currency."""
        return self._cash + sum((one.cost * one.multiplier for one in self.holdings.values()), ZERO)


class Balance:
    """The balance of one account in one currency, fill by fill.

    `starting` is in `currency`. Call `on_fill` for every fill before anything is read.
    """

    def __init__(self, cache: Any, portfolio: Any, currency: str, starting: Decimal) -> None:
        self._cache, self._portfolio = cache, portfolio
        self.currency, self.starting = Currency.from_str(currency), starting
        self.fills = 0
        self._pnl = RealisedPnl()
        self._multipliers: dict[Any, Decimal] = {}

    def on_fill(self, event: Any) -> None:
        """Add an `OrderFilled` of any strategy."""
        contract, fee = event.instrument_id, event.commission
        multiplier = self._multipliers.get(contract)
        if multiplier is None:
            multiplier = decimal(self._cache.instrument(contract).multiplier)
            self._multipliers[contract] = multiplier
        size = decimal(event.last_qty)
        self._pnl.add_fill(
            (event.strategy_id, contract),
            multiplier,
            size if event.is_buy else -size,
            decimal(event.last_px),
            ZERO if fee is None else decimal(fee),
        )
        self.fills += 1

    def restore(self, fill: Fill) -> None:
        """Add a fill of a continued run."""
        contract = InstrumentId.from_str(fill.instrument_id)
        multiplier = decimal(self._cache.instrument(contract).multiplier)
        key = (StrategyId(fill.strategy), contract)
        self._pnl.add_fill(key, multiplier, fill.quantity, fill.price, fill.commission)
        self.fills += 1

    def total(self) -> Decimal:
        """Return the balance: the starting balance and the realised P&L less fees."""
        return self.starting + self._pnl.realised()

    def equity(self) -> Decimal:
        """Return the equity: the balance and the open P&L at the last prices.

        A position without a price counts with an open P&L of zero.
        """
        amounts = (self._open_pnl(contract) for contract in self.open_contracts())
        return self.total() + sum((one for one in amounts if one is not None), ZERO)

    def unpriced(self) -> list[Any]:
        """Return the contracts with a position and without a price."""
        return [one for one in self.open_contracts() if self._open_pnl(one) is None]

    def open_contracts(self) -> list[Any]:
        """Return the contracts in which any strategy holds a position."""
        return list(dict.fromkeys(contract for _, contract in self._pnl.holdings))

    def differs(self, venues: Iterable[Venue]) -> str:
        """Return how the engine's accounts differ by more than a cent a fill; empty if not."""
        accounts = [self._cache.account_for_venue(venue) for venue in venues]
        theirs = sum((decimal(one.balance_total(self.currency)) - CREDIT for one in accounts), ZERO)
        ours = self._pnl.realised()
        if abs(theirs - ours) <= CENT * (self.fills + 1):
            return ""
        return f"the engine's accounts earned {theirs:,.2f}, the fills come to {ours:,.2f}"

    def _open_pnl(self, contract: InstrumentId) -> Decimal | None:
        found = self._portfolio.unrealized_pnl(contract)
        return None if found is None else decimal(found)


def starting_balance(settings: Settings) -> Decimal:
    """Return the starting balance in the account's currency."""
    currency = Currency.from_str(settings.base_currency or "USD")
    amounts = [Money.from_str(text) for text in settings.starting_balances]
    return sum((decimal(one) for one in amounts if one.currency == currency), ZERO)


def credit(currency: Currency) -> Sequence[Money]:
    """Return the starting balances of each of the engine's own accounts."""
    return [Money.from_decimal(CREDIT, currency)]
