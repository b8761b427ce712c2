"""Hold every new risk against the account: dollars a contract, as the table has them on the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderSide

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.risk.equity_bound import EquityBound
from qe_plugins.engine.risk.order_request import (
    Leaves,
    OrderContext,
    fillable,
    leaves_of,
    unfinished,
)
from qe_plugins.market.sessions import next_session

if TYPE_CHECKING:
    from qe_plugins.config.schema import MarginSettings
    from qe_plugins.engine.accounting.balance import Balance
    from qe_plugins.engine.contracts.terms import ContractTerms, MarginRates

ZERO = Decimal(0)


class MarginCalculator:
    """What the account is worth, what positions and orders tie up, and what is free.

    A contract's exposure is the larger of what would be long if every buy filled and short if every
    sale did; of orders that cancel one another only the largest counts.
    """

    def __init__(
        self,
        cache: Any,
        balance: Balance,
        money: Mapping[str, ContractTerms],
        settings: MarginSettings,
    ) -> None:
        self._cache, self._balance, self._money = cache, balance, money
        self._settings = settings
        self._terms: dict[Any, ContractTerms] = {}
        self.kept = EquityBound()

    def refusal(self, order: Any, contracts: Decimal, present: OrderContext, ts: int) -> str:
        """Return why the account cannot hold `contracts` of an order more; empty where it can."""
        held = present.by_contract()
        working = [(one, leaves_of(one)) for one in present.others(order)]
        before, after = exposures(held, working), exposures(held, [*working, (order, contracts)])
        contract = order.instrument_id
        more = after[contract] - before[contract]
        tied = self._tied(before, ts)
        worth, each = self.worth(), self.of(contract, ts).initial
        if (more <= 0 and not turns(held, order)) or tied + more * each <= worth:
            return ""
        return (
            f"{contracts:f} {contract} at {each:,} {self._balance.currency.code} each would tie up "
            f"{self._tied(after, ts):,}, the account is worth {worth:,.2f} "
            f"({worth - tied:,.2f} free)"
        )

    def of(self, contract: Any, ts: int) -> MarginRates:
        """Return the margins of a contract at a moment, a day trader's inside a session."""
        terms = self._terms_of(contract)
        margins = terms.margin(ts)
        if self._settings.basis == "overnight":
            return margins
        session = next_session(terms.root, ts)
        opens, closes = (int(at.timestamp()) * 10**9 for at in (session.open, session.close))
        closes -= int(self._settings.until_close * 1e9)
        return margins.during(self._settings.basis) if opens <= ts < closes else margins

    def most(self, contract: Any) -> float:
        """Return the largest maintenance margin of a contract in the whole run."""
        return float(max(one.maintenance for one in self._terms_of(contract).margins))

    def maintenance(self, ts: int) -> Decimal:
        """Return what the account must be worth to keep what it holds."""
        held = self.held().items()
        return sum((abs(net) * self.of(one, ts).maintenance for one, net in held), ZERO)

    def worth(self) -> Decimal:
        """Return the balance and what open positions have won or lost at their last price."""
        return self._balance.equity()

    def by_contract(self, ts: int) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return the initial and the maintenance margin, in dollars, of each contract at risk.

        Initial margin is asked for what positions and working orders may come to, maintenance
        margin for positions.
        """
        held = self.held()
        orders = unfinished(self._cache).values()
        at_risk = exposures(held, [(one, leaves_of(one)) for one in orders])
        found = {}
        for contract, size in at_risk.items():
            each, net = self.of(contract, ts), abs(held.get(contract, ZERO))
            if size or net:
                found[contract] = size * each.initial, net * each.maintenance
        return found

    def _tied(self, exposure: Mapping[Any, Decimal], ts: int) -> Decimal:
        return sum((n * self.of(one, ts).initial for one, n in exposure.items() if n), ZERO)

    def held(self) -> dict[Any, Decimal]:
        """Return the net position in each contract, negative when short."""
        held: dict[Any, Decimal] = defaultdict(Decimal)
        for position in self._cache.positions_open():
            size = decimal(position.quantity)
            held[position.instrument_id] += size if position.is_long else -size
        return held

    def _terms_of(self, contract: Any) -> ContractTerms:
        terms = self._terms.get(contract)
        if terms is None:
            terms = self._terms[contract] = self._money[self._cache.instrument(contract).underlying]
        return terms


def turns(held: Mapping[Any, Decimal], order: Any) -> bool:
    """Say whether an order takes a position through flat: new risk, however large."""
    net, size = held.get(order.instrument_id, ZERO), decimal(order.quantity)
    return net * (net + size if order.is_buy else net - size) < 0


def exposures(held: Mapping[Any, Decimal], orders: Iterable[Leaves]) -> dict[Any, Decimal]:
    """Return the contracts at risk in each instrument, of positions and unfinished orders."""
    by_contract: dict[Any, list[Leaves]] = defaultdict(list)
    for order, leaves in orders:
        by_contract[order.instrument_id].append((order, leaves))
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for contract in {*held, *by_contract}:
        found[contract] = max(sides(held.get(contract, ZERO), by_contract[contract]))
    return found


def sides(net: Decimal, orders: Sequence[Leaves]) -> tuple[Decimal, Decimal]:
    """Return how long a position of one contract may get, and how short, if its orders fill."""
    buys = [(order, leaves) for order, leaves in orders if order.side == OrderSide.BUY]
    sells = [(order, leaves) for order, leaves in orders if order.side == OrderSide.SELL]
    bought = fillable(buys, {order.client_order_id: leaves for order, leaves in sells})
    sold = fillable(sells, {order.client_order_id: leaves for order, leaves in buys})
    return net + bought, sold - net
