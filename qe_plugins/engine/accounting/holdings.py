"""What is held and earned: the net position by strategy and contract, and the account's balance.

Positions are those of the engine's cache; rules, gate, liquidation and margin read them here and
nowhere else. The fills that a strategy received are no measure of them: after a restart there were
none, and a manual trade or a position that the engine takes over from a broker has others.

The engine has an account per venue and rounds the P&L of each fill to the cent, which drifts where
a tick is half a cent. So the single account's balance is computed from the fills; only the
unrealised P&L of open positions is the engine's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import (
    Currency,
    InstrumentId,
    Money,
    OptionContract,
    StrategyId,
    Venue,
)

from qe_plugins.engine.accounting.realised_pnl import RealisedPnl
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.errors import RunError

if TYPE_CHECKING:
    from qe_plugins.config.nautilus import Venue as Settings
    from qe_plugins.engine.accounting.trades import Fill

ZERO, CENT = Decimal(0), Decimal("0.01")
CREDIT = Decimal(1_000_000_000)
"""Added to the balance of each of the engine's own accounts, so that none can run short."""


class Held(msgspec.Struct, frozen=True, eq=False):
    """An open position: `net` signed contracts, negative when short, that count as a strategy's.

    `position` is the engine's own object.
    """

    strategy_id: Any
    instrument_id: Any
    net: Decimal
    position: Any

    @property
    def entry(self) -> Decimal:
        """Return the average price of the open contracts, in points."""
        return Decimal(str(self.position.avg_px_open))


class FillCount(msgspec.Struct, eq=False):
    """The sum of a strategy's fills in a contract: the position, without a query of the engine.

    `net` is in contracts, negative short. `expiry_timer_set` says that a timer will close the
    position at the contract's deadline.
    """

    trader: Any
    strategy: str
    contract: str
    net: float = 0.0
    expiry_timer_set: bool = False


class Holdings:
    """The open positions of a run.

    `hosted` returns the ids of the run's strategies. In a session a position of any other strategy
    (a manual trade, one taken over without a claim) counts as that of the hosted strategy that
    trades its contract, where only one does. A backtest has no such positions, and also sums fills
    (`add_fill`), for the checks at every bar; `verify` compares the sums with the cache.
    """

    def __init__(
        self,
        cache: Any,
        hosted: Callable[[], Iterable[Any]] = tuple,
        *,
        in_session: bool = False,
    ) -> None:
        self._cache, self._hosted, self._in_session = cache, hosted, in_session
        self.counts: dict[Any, dict[Any, FillCount]] = {}

    def positions(self) -> list[Held]:
        """Return the open positions, each under the strategy that it counts as."""
        found = [
            Held(
                one.strategy_id,
                one.instrument_id,
                one.quantity.as_decimal() if one.is_long else -one.quantity.as_decimal(),
                one,
            )
            for one in self._cache.positions_open()
        ]
        return self._owned(found) if self._in_session and found else found

    def net(self, strategy: Any, contract: Any) -> Decimal:
        """Return a strategy's net position in a contract, in contracts, negative when short."""
        return net(
            one
            for one in self.positions()
            if one.strategy_id == strategy and one.instrument_id == contract
        )

    def by_contract(self) -> dict[Any, Decimal]:
        """Return the net position in each contract, in contracts, negative when short."""
        return net_by_contract(self.positions())

    def add_fill(self, trader: Any, event: Any, size: float) -> FillCount:
        """Add a fill of `size` signed contracts to the sum of its strategy and contract."""
        counts = self.counts.get(event.instrument_id)
        if counts is None:
            counts = self.counts[event.instrument_id] = {}
        count = counts.get(strategy := event.strategy_id)
        if count is None:
            count = FillCount(trader, str(strategy), str(event.instrument_id))
            counts[strategy] = count
        count.net += size
        return count

    def recount(self, traders: Iterable[Any]) -> list[FillCount]:
        """Replace the sums by the positions of a session's cache; return those that are open.

        `traders` are the hosted strategies. A position that counts as none of them is left out.
        """
        for counts in self.counts.values():
            for count in counts.values():
                count.net = 0.0
        by_id = {trader.strategy_id: trader for trader in traders}
        for held in self.positions():
            trader = by_id.get(held.strategy_id)
            if trader is None:
                continue
            counts = self.counts.setdefault(held.instrument_id, {})
            if held.strategy_id not in counts:
                name, contract = str(held.strategy_id), str(held.instrument_id)
                counts[held.strategy_id] = FillCount(trader, name, contract)
            counts[held.strategy_id].net += float(held.net)
        return [one for counts in self.counts.values() for one in counts.values() if one.net]

    def verify(self) -> None:
        """Raise RunError where a strategy's position differs from the sum of its fills."""
        for contract, counts in self.counts.items():
            for strategy, count in counts.items():
                held = self.net(strategy, contract)
                if held != count.net:
                    actual = f"{strategy} holds {held:f} {contract}"
                    raise RunError(f"{actual}, its fills come to {count.net:g}.")

    def _owned(self, found: list[Held]) -> list[Held]:
        """Return positions, those of strategies that are not hosted under the one they count as."""
        hosted = set(self._hosted())
        foreign = [one for one in found if one.strategy_id not in hosted]
        if not foreign:
            return found
        return [
            one
            if one.strategy_id in hosted
            else msgspec.structs.replace(one, strategy_id=self._owner(one, found, hosted))
            for one in found
        ]

    def _owner(self, foreign: Held, found: list[Held], hosted: set[Any]) -> Any:
        """Return the hosted strategy that alone trades a contract, else the position's own."""
        if len(hosted) == 1:
            return next(iter(hosted))
        contract = foreign.instrument_id
        trading = {
            one.strategy_id
            for one in (*found, *self._cache.orders_open(), *self._cache.orders_inflight())
            if one.instrument_id == contract and one.strategy_id in hosted
        }
        return trading.pop() if len(trading) == 1 else foreign.strategy_id


def net(positions: Iterable[Held]) -> Decimal:
    """Return the net number of contracts of some positions, shorts negative."""
    return sum((one.net for one in positions), ZERO)


def net_by_contract(positions: Iterable[Held]) -> dict[Any, Decimal]:
    """Return the net position in each contract, in contracts, negative when short."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for one in positions:
        found[one.instrument_id] += one.net
    return found


class Balance:
    """The balance of one account in one currency, fill by fill.

    `starting` is in `currency`. Call `on_fill` for every fill before anything is read.
    """

    def __init__(self, cache: Any, portfolio: Any, currency: str, starting: Decimal) -> None:
        self._cache, self._portfolio = cache, portfolio
        self.currency, self.starting = Currency.from_str(currency), starting
        self.fills = 0
        self._pnl, self._realised, self._paid = RealisedPnl(), ZERO, ZERO
        self._multipliers: dict[Any, tuple[Decimal, bool]] = {}

    def on_fill(self, event: Any) -> None:
        """Add an `OrderFilled` of any strategy."""
        contract, fee = event.instrument_id, event.commission
        known = self._multipliers.get(contract)
        if known is None:
            instrument = self._cache.instrument(contract)
            known = decimal(instrument.multiplier), isinstance(instrument, OptionContract)
            self._multipliers[contract] = known
        multiplier, premium = known
        size = decimal(event.last_qty)
        self._pnl.add_fill(
            (event.strategy_id, contract),
            multiplier,
            size if event.is_buy else -size,
            decimal(event.last_px),
            ZERO if fee is None else decimal(fee),
            premium=premium,
        )
        self._after_fill()

    def restore(self, fill: Fill) -> None:
        """Add a fill of a continued run."""
        contract = InstrumentId.from_str(fill.instrument_id)
        multiplier = decimal(self._cache.instrument(contract).multiplier)
        key = (StrategyId(fill.strategy), contract)
        self._pnl.add_fill(key, multiplier, fill.quantity, fill.price, fill.commission)
        self._after_fill()

    def _after_fill(self) -> None:
        self.fills += 1
        self._realised, self._paid = self._pnl.realised(), self._pnl.premium_paid()

    def total(self) -> Decimal:
        """Return the balance: the starting balance, the realised P&L less fees, and premiums."""
        return self.starting + self._realised

    def equity(self) -> Decimal:
        """Return the equity: the balance, the open P&L of futures and the value of options.

        Both are at the last prices. A position without a price counts with an open P&L of zero.
        """
        amounts = (self._open_pnl(contract) for contract in self.open_contracts())
        return self.total() + self._paid + sum((one for one in amounts if one is not None), ZERO)

    def premium_paid(self) -> Decimal:
        """Return what open options cost, in currency; negative where received."""
        return self._paid

    def unknown(self) -> str:
        """Return why the equity is unknown: never, since it is that of the fills."""
        return ""

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
        ours = self._realised
        if abs(theirs - ours) <= CENT * (self.fills + 1):
            return ""
        return f"the engine's accounts earned {theirs:,.2f}, the fills come to {ours:,.2f}"

    def _open_pnl(self, contract: InstrumentId) -> Decimal | None:
        found: Money | None = self._portfolio.unrealized_pnl(contract)
        return None if found is None else found.as_decimal()


def starting_balance(settings: Settings) -> Decimal:
    """Return the starting balance in the account's currency."""
    currency = Currency.from_str(settings.base_currency or "USD")
    amounts = [Money.from_str(text) for text in settings.starting_balances]
    return sum((decimal(one) for one in amounts if one.currency == currency), ZERO)


def credit(currency: Currency) -> Sequence[Money]:
    """Return the starting balances of each of the engine's own accounts."""
    return [Money.from_decimal(CREDIT, currency)]
