"""The account's equity, and the margin of positions and working orders: a rule of every order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from qe_plugins.engine.accounting.holdings import Holdings, net_by_contract
from qe_plugins.engine.contracts.instruments import root_of
from qe_plugins.engine.risk.equity_bound import EquityBound
from qe_plugins.engine.risk.liquidation import FORCED_CLOSE_TAGS
from qe_plugins.engine.risk.option_margin import OptionMargins
from qe_plugins.engine.risk.order_request import (
    ZERO,
    Leaves,
    OrderContext,
    exposure,
    exposures,
    leaves_of,
    reverses,
    unfinished,
)
from qe_plugins.market.sessions import next_session

if TYPE_CHECKING:
    from qe_plugins.config.schema import MarginSettings
    from qe_plugins.engine.accounting.account_equity import AccountEquity
    from qe_plugins.engine.contracts.terms import ContractTerms, MarginRates

UNKNOWN_EQUITY = "the equity is unknown, so no new risk is taken"

NOT_KNOWN = (0, 0.0, None)


class MarginCalculator:
    """Computes equity, and the margin of positions and working orders.

    A contract's exposure is the larger of the long position if every buy order filled and the short
    position if every sell order did; of orders that cancel one another only the largest counts.
    """

    def __init__(
        self,
        cache: Any,
        holdings: Holdings,
        balance: AccountEquity,
        terms: Mapping[str, ContractTerms],
        settings: MarginSettings,
        options: OptionMargins | None = None,
    ) -> None:
        self._cache, self._balance, self._terms_by_root = cache, balance, terms
        self._holdings = holdings
        self._settings, self._options = settings, options or OptionMargins(cache)
        self.noted: dict[str, float] = {}
        self._terms: dict[Any, ContractTerms] = {}
        self._in_force: dict[Any, tuple[int, float, MarginRates | None]] = {}
        self.equity_bound = EquityBound()

    def violation(self, order: Any, contracts: Decimal, context: OrderContext, ts: int) -> str:
        """Return why equity does not cover `contracts` more of an order; empty where it does."""
        if unknown := self._balance.unknown():
            return f"{UNKNOWN_EQUITY}: {unknown}"
        nets = net_by_contract(context.positions)
        if self._options.active and self._options.concern(
            (order.instrument_id, *nets, *_contracts_of(context))
        ):
            return self._scanned_violation(order, contracts, context, ts)
        working = [(one, leaves_of(one)) for one in context.others(order)]
        before, contract = exposures(nets, working), order.instrument_id
        own = [pair for pair in working if pair[0].instrument_id == contract]
        after = exposure(nets.get(contract, ZERO), [*own, (order, contracts)])
        increase, required = after - before[contract], self._initial(before, ts)
        equity, each = self.equity(), self.rates(contract, ts).initial
        if (increase <= 0 and not reverses(nets, order)) or required + increase * each <= equity:
            return ""
        return (
            f"{contracts:f} {contract} at {each:,} {self._balance.currency.code} each would bring "
            f"initial margin to {required + increase * each:,}, equity is {equity:,.2f} "
            f"({equity - required:,.2f} free)"
        )

    def rates(self, contract: Any, ts: int) -> MarginRates:
        """Return the margins of a contract at `ts` (UTC ns), intraday ones inside a session."""
        since, until, margins = self._in_force.get(contract, NOT_KNOWN)
        if margins is None or not since <= ts < until:
            terms = self._terms_of(contract)
            margins = terms.margin(ts)
            until = min((one.since for one in terms.margins if one.since > ts), default=inf)
            self._in_force[contract] = ts, until, margins
        if self._settings.basis == "overnight":
            return margins
        session = next_session(self._terms_of(contract).root, ts)
        opens, closes = (int(at.timestamp()) * 10**9 for at in (session.open, session.close))
        closes -= int(self._settings.until_close * 1e9)
        return margins.during(self._settings.basis) if opens <= ts < closes else margins

    def largest_maintenance(self, contract: Any) -> float:
        """Return the largest maintenance margin of a contract in the whole run, in dollars."""
        return float(max(one.maintenance for one in self._terms_of(contract).margins))

    def maintenance(self, ts: int, nets: Mapping[Any, Decimal]) -> Decimal:
        """Return the maintenance margin of net positions at `ts` (UTC ns), in dollars."""
        if self._options.concern(nets):
            return self._scanned(nets, ts, "maintenance")
        return sum((abs(n) * self.rates(one, ts).maintenance for one, n in nets.items()), ZERO)

    def equity(self) -> Decimal:
        """Return the balance and the open P&L of positions at their last price, in dollars."""
        return self._balance.equity()

    def by_contract(self, ts: int) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return the initial and the maintenance margin, in dollars, of each contract at risk.

        Initial margin is that of the exposure of positions and working orders, maintenance margin
        that of positions alone. Options are part of their future, whichever of the cases of the
        gate needs the most margin in all: the figures of the contracts add up to it.
        """
        nets = self.net_positions()
        working = [(one, leaves_of(one)) for one in unfinished(self._cache).values()]
        if self._options.concern((*nets, *(one.instrument_id for one, _ in working))):
            return self._scanned_by_contract(nets, working, ts)
        at_risk = exposures(nets, working)
        found = {}
        for contract, size in at_risk.items():
            each, net = self.rates(contract, ts), abs(nets.get(contract, ZERO))
            if size or net:
                found[contract] = size * each.initial, net * each.maintenance
        return found

    def uncovers(self, order: Any, context: OrderContext) -> bool:
        """Return whether an order of a strategy sells what protects a short option."""
        if not self._options.active or FORCED_CLOSE_TAGS.intersection(order.tags or ()):
            return False
        return self._options.uncovers(order, net_by_contract(context.positions))

    def note(self, fill: Any) -> None:
        """Note the margin after a fill, where the run has options."""
        if self._options.active:
            nets = self.net_positions()
            self.noted[fill.trade_id.value] = float(self._scanned(nets, fill.ts_event, "initial"))

    def _scanned_violation(
        self, order: Any, contracts: Decimal, context: OrderContext, ts: int
    ) -> str:
        """Return why equity or cash does not cover an order of an account with options.

        The orders of one list are taken to fill together; of those that already work, none, all,
        the purchases or the sales, whichever needs the most margin.
        """
        nets = net_by_contract(context.positions)
        others = [(one, leaves_of(one)) for one in context.others(order)]
        sending = [pair for pair in others if self._cache.order(pair[0].client_order_id) is None]
        working = [pair for pair in others if pair not in sending]
        together = [(order, contracts), *sending]
        for one, _ in together:
            if unknown := self._options.unpriced(one.instrument_id, ts):
                return unknown
        before = self._worst(nets, working, ts)
        after = self._worst(_filled(nets, together), working, ts)
        equity, code = self.equity(), self._balance.currency.code
        if after > before and after > equity:
            return (
                f"{contracts:f} {order.instrument_id} would bring the margin scan of positions and "
                f"orders to {after:,.2f} {code}, equity is {equity:,.2f}"
            )
        premium = sum((self._options.premium(*pair) for pair in together), ZERO)
        cash = equity - self._options.value(nets)
        if premium > 0 and premium > cash:
            return f"a premium of {premium:,.2f} {code} is more than the cash of {cash:,.2f}"
        return ""

    def _worst(self, nets: Mapping[Any, Decimal], working: list[Leaves], ts: int) -> Decimal:
        return max(self._scanned(case, ts, "initial") for case in _cases(nets, working))

    def _scanned(
        self, nets: Mapping[Any, Decimal], ts: int, kind: Literal["initial", "maintenance"]
    ) -> Decimal:
        """Return the margin of positions in dollars, options scanned together with their future."""
        return sum(self._scans(nets, ts, kind).values(), ZERO)

    def _scans(
        self, nets: Mapping[Any, Decimal], ts: int, kind: Literal["initial", "maintenance"]
    ) -> dict[Any, Decimal]:
        """Return margins by contract; that of a future with its options is the future's."""
        groups, rest = self._options.split(nets)
        found = {one: abs(n) * getattr(self.rates(one, ts), kind) for one, n in rest.items() if n}
        for future, members in groups.items():
            each = getattr(self.rates(future, ts), kind)
            found[future] = self._options.required(future, members, ts, each)
        return found

    def _scanned_by_contract(
        self, nets: Mapping[Any, Decimal], working: list[Leaves], ts: int
    ) -> dict[Any, tuple[Decimal, Decimal]]:
        """Return initial and maintenance margin by contract of an account with options."""
        cases = [self._scans(case, ts, "initial") for case in _cases(nets, working)]
        initial = max(cases, key=lambda one: sum(one.values(), ZERO))
        maintenance = self._scans(nets, ts, "maintenance")
        return {
            one: (initial.get(one, ZERO), maintenance.get(one, ZERO))
            for one in dict.fromkeys((*maintenance, *initial))
        }

    def _initial(self, exposure: Mapping[Any, Decimal], ts: int) -> Decimal:
        return sum((n * self.rates(one, ts).initial for one, n in exposure.items() if n), ZERO)

    def net_positions(self) -> dict[Any, Decimal]:
        """Return the net position in each contract, in contracts, negative when short."""
        return self._holdings.by_contract()

    def _terms_of(self, contract: Any) -> ContractTerms:
        terms = self._terms.get(contract)
        if terms is None:
            root = root_of(self._cache.instrument(contract))
            terms = self._terms[contract] = self._terms_by_root[root]
        return terms


def _contracts_of(context: OrderContext) -> list[Any]:
    return [one.instrument_id for one in context.orders.values()]


def _cases(nets: Mapping[Any, Decimal], working: list[Leaves]) -> list[Mapping[Any, Decimal]]:
    """Return net positions after none, all, the purchases and the sales of working orders."""
    if not working:
        return [nets]
    buys = [pair for pair in working if pair[0].is_buy]
    sells = [pair for pair in working if not pair[0].is_buy]
    return [nets, *(_filled(nets, case) for case in (working, buys, sells))]


def _filled(nets: Mapping[Any, Decimal], orders: list[Leaves]) -> dict[Any, Decimal]:
    """Return net positions after orders have filled."""
    found = defaultdict(Decimal, nets)
    for order, contracts in orders:
        found[order.instrument_id] += contracts if order.is_buy else -contracts
    return dict(found)
