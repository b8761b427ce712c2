"""Equity against initial and maintenance margin, in dollars a contract, as dated in the terms."""

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
    """Computes equity, and the margin of positions and working orders.

    A contract's exposure is the larger of the long position if every buy order filled and the short
    position if every sell order did; of orders that cancel one another only the largest counts.
    """

    def __init__(
        self,
        cache: Any,
        balance: Balance,
        terms: Mapping[str, ContractTerms],
        settings: MarginSettings,
    ) -> None:
        self._cache, self._balance, self._terms_by_root = cache, balance, terms
        self._settings = settings
        self._terms: dict[Any, ContractTerms] = {}
        self.equity_bound = EquityBound()

    def violation(self, order: Any, contracts: Decimal, context: OrderContext, ts: int) -> str:
        """Return why equity does not cover `contracts` more of an order; empty where it does."""
        nets = context.by_contract()
        working = [(one, leaves_of(one)) for one in context.others(order)]
        before, after = exposures(nets, working), exposures(nets, [*working, (order, contracts)])
        contract = order.instrument_id
        increase = after[contract] - before[contract]
        required = self._initial(before, ts)
        equity, each = self.equity(), self.rates(contract, ts).initial
        if (increase <= 0 and not reverses(nets, order)) or required + increase * each <= equity:
            return ""
        return (
            f"{contracts:f} {contract} at {each:,} {self._balance.currency.code} each would tie up "
            f"{self._initial(after, ts):,}, the account is worth {equity:,.2f} "
            f"({equity - required:,.2f} free)"
        )

    def rates(self, contract: Any, ts: int) -> MarginRates:
        """Return the margins of a contract at `ts` (UTC ns), intraday ones inside a session."""
        terms = self._terms_of(contract)
        margins = terms.margin(ts)
        if self._settings.basis == "overnight":
            return margins
        session = next_session(terms.root, ts)
        opens, closes = (int(at.timestamp()) * 10**9 for at in (session.open, session.close))
        closes -= int(self._settings.until_close * 1e9)
        return margins.during(self._settings.basis) if opens <= ts < closes else margins

    def largest_maintenance(self, contract: Any) -> float:
        """Return the largest maintenance margin of a contract in the whole run, in dollars."""
        return float(max(one.maintenance for one in self._terms_of(contract).margins))

    def maintenance(self, ts: int) -> Decimal:
        """Return the maintenance margin of all positions at `ts` (UTC ns), in dollars."""
        nets = self.net_positions().items()
        return sum((abs(net) * self.rates(one, ts).maintenance for one, net in nets), ZERO)

    def equity(self) -> Decimal:
        """Return the balance and the open P&L of positions at their last price, in dollars."""
        return self._balance.equity()

    def by_contract(self, ts: int) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return the initial and the maintenance margin, in dollars, of each contract at risk.

        Initial margin is that of the exposure of positions and working orders, maintenance margin
        that of positions alone.
        """
        nets = self.net_positions()
        orders = unfinished(self._cache).values()
        at_risk = exposures(nets, [(one, leaves_of(one)) for one in orders])
        found = {}
        for contract, size in at_risk.items():
            each, net = self.rates(contract, ts), abs(nets.get(contract, ZERO))
            if size or net:
                found[contract] = size * each.initial, net * each.maintenance
        return found

    def _initial(self, exposure: Mapping[Any, Decimal], ts: int) -> Decimal:
        return sum((n * self.rates(one, ts).initial for one, n in exposure.items() if n), ZERO)

    def net_positions(self) -> dict[Any, Decimal]:
        """Return the net position in each contract, in contracts, negative when short."""
        nets: dict[Any, Decimal] = defaultdict(Decimal)
        for position in self._cache.positions_open():
            size = decimal(position.quantity)
            nets[position.instrument_id] += size if position.is_long else -size
        return nets

    def _terms_of(self, contract: Any) -> ContractTerms:
        terms = self._terms.get(contract)
        if terms is None:
            terms = self._terms[contract] = self._terms_by_root[
                self._cache.instrument(contract).underlying
            ]
        return terms


def reverses(nets: Mapping[Any, Decimal], order: Any) -> bool:
    """Return whether an order takes a position through flat: that is new risk at any size."""
    net, size = nets.get(order.instrument_id, ZERO), decimal(order.quantity)
    return net * (net + size if order.is_buy else net - size) < 0


def exposures(nets: Mapping[Any, Decimal], orders: Iterable[Leaves]) -> dict[Any, Decimal]:
    """Return the exposure in each instrument, in contracts, of positions and unfinished orders."""
    by_contract: dict[Any, list[Leaves]] = defaultdict(list)
    for order, leaves in orders:
        by_contract[order.instrument_id].append((order, leaves))
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for contract in {*nets, *by_contract}:
        found[contract] = max(sides(nets.get(contract, ZERO), by_contract[contract]))
    return found


def sides(net: Decimal, orders: Sequence[Leaves]) -> tuple[Decimal, Decimal]:
    """Return the largest long and the largest short position if all orders of a side fill."""
    buys = [(order, leaves) for order, leaves in orders if order.side == OrderSide.BUY]
    sells = [(order, leaves) for order, leaves in orders if order.side == OrderSide.SELL]
    bought = fillable(buys, {order.client_order_id: leaves for order, leaves in sells})
    sold = fillable(sells, {order.client_order_id: leaves for order, leaves in buys})
    return net + bought, sold - net
