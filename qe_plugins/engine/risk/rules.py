"""Always-on rules for orders that add risk: rung, margin, expiry, trading hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import AggregationSource, Bar, OrderSide, OrderType, PriceType

from qe_plugins.engine.accounting.holdings import Held, Holdings, net_by_contract
from qe_plugins.engine.contracts.instruments import decimal, root_of
from qe_plugins.engine.risk.equity_bound import EquityBound
from qe_plugins.engine.risk.order_request import (
    ZERO,
    OrderContext,
    OrderDescription,
    at_risk,
    exposure,
    exposures,
    fills_at_once,
    leaves_of,
    optional,
    reverses,
    stop_of,
    unfinished,
)
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import stops_trading
from qe_plugins.market.sessions import closed_until, delivery, next_session, trading_window

if TYPE_CHECKING:
    from qe_plugins.config.schema import MarginSettings
    from qe_plugins.engine.accounting.account_equity import AccountEquity
    from qe_plugins.engine.contracts.terms import ContractTerms, MarginRates
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.plugins.types import Rung

SECOND = 1_000_000_000
NO_WINDOW = (0, 0)
"""The trading window of a root without known sessions: it is taken to be open."""

UNKNOWN_EQUITY = "the equity is unknown, so no new risk is taken"

NOT_KNOWN = (0, 0.0, None)

type Violation = tuple[str, str]
"""The name of the rule that an order breaks, and the reason."""


class RiskRules:
    """Checks every order that does not only reduce a position.

    A new rule is an entry of `violations`; its setting is passed by `engine/running/context.py`.
    Margins, deadlines and trading windows are looked up once for as long as they are in force.

    Where `deny_when_closed` is set, a market order breaks a rule while the market is closed, from
    `grace` nanoseconds after the close. `flat_before` is in seconds: how long before expiry (or
    delivery) positions must be closed; 0 lets them expire. `by_exchange` takes the expiry from the
    exchange's rules, where they are known, and not from the instrument: a broker's has another.
    """

    def __init__(
        self,
        cache: Any,
        margin: MarginCalculator,
        rung: RungRule,
        *,
        flat_before: float,
        deny_when_closed: bool,
        grace: int = 0,
        by_exchange: bool = False,
    ) -> None:
        self._by_exchange = by_exchange
        self._cache, self._margin, self.rung_rule, self._grace = cache, margin, rung, grace
        self._flat_before, self._deny_when_closed = int(flat_before * SECOND), deny_when_closed
        self._deadlines: dict[Any, int] = {}
        self._notices: dict[Any, date] = {}
        self._windows: dict[str, tuple[int, int]] = {}

    def violations(self, described: OrderDescription) -> list[Violation]:
        """Return a violation for every rule that an order breaks."""
        order, ts = described.order, described.request.ts
        contract = order.instrument_id
        reasons = {
            "rung": self.rung_rule.violation(described),
            "margin": self._margin.violation(order, described.contracts, described.context, ts),
            "expiry": self._expiry_violation(contract, ts),
            "session": self._session_violation(order, ts),
        }
        return [(rule, reason) for rule, reason in reasons.items() if reason]

    def deadline(self, contract: Any) -> int:
        """Return when (UTC nanoseconds) positions in a contract must be closed.

        Where positions may not be held into expiry, the first notice of delivery counts too.
        """
        if contract not in self._deadlines:
            ends: int = self._cache.instrument(contract).expiration_ns
            if self._by_exchange:
                ends = stops_trading(contract.symbol.value, ends)
            if self._flat_before and (delivered := delivery(contract.symbol.value, ends)):
                ends, self._notices[contract] = delivered
            self._deadlines[contract] = ends - self._flat_before
        return self._deadlines[contract]

    def flat_at(self, contract: Any) -> int | None:
        """Return when (UTC nanoseconds) positions are closed by force; None where they settle."""
        return self.deadline(contract) if self._flat_before else None

    def _expiry_violation(self, contract: Any, ts: int) -> str:
        deadline = self.deadline(contract)
        if ts < deadline:
            return ""
        if contract in self._notices:
            return f"{contract} may be delivered from {self._notices[contract]}"
        left = (deadline + self._flat_before - ts) // (60 * SECOND)
        return f"{contract} expires in {left} min" if left > 0 else f"{contract} has expired"

    def _session_violation(self, order: Any, ts: int) -> str:
        if not self._deny_when_closed or order.order_type != OrderType.MARKET:
            return ""
        root = root_of(self._cache.instrument(order.instrument_id))
        opens, closes = self._windows.get(root, NO_WINDOW)
        if not opens <= ts < closes:
            opens, closes = self._windows[root] = trading_window(root, ts) or NO_WINDOW
        if ts >= opens or (self._grace and closed_until(root, ts - self._grace) is None):
            return ""  # in grace it was decided on a bar that traded, and waits for the next price
        at = datetime.fromtimestamp(opens // SECOND, CHICAGO)
        return f"the market is closed until {at:%Y-%m-%d %H:%M} in Chicago"


class RungRule:
    """Limits one strategy's positions and working orders, in all its contracts together.

    An entry without a stop has no loss at the stop: only its number of contracts is limited. A stop
    that is moved or submitted later only reduces, and passes.
    """

    def __init__(self, cache: Any, rung: Rung, trap: ExceptionTrap) -> None:
        self._cache, self.limits, self._trap = cache, rung, trap

    def violation(self, described: OrderDescription) -> str:
        """Return why the rung does not allow an order; empty where it does."""
        if not self.limits.enforced:
            return ""
        root = root_of(self._cache.instrument(described.order.instrument_id))
        if self.limits.root not in (None, root):
            return f"{self.limits.title} holds {self.limits.root}, not {root}"
        return self._contracts_violation(described) or self._loss_violation(described)

    def _contracts_violation(self, described: OrderDescription) -> str:
        """Compare the strategy's exposure with the rung's contracts.

        Resting orders on one side count in full, too: the position may be closed before they fill.
        """
        order, most, context = described.order, self.limits.max_contracts, described.context
        strategy, contract = order.strategy_id, order.instrument_id
        mine = [one for one in context.orders.values() if one.strategy_id == strategy]
        pair = (order, described.contracts)
        alone = [one for one in mine if one.parent_order_id != order.client_order_id]
        by_contract = exposures(
            net_by_contract(one for one in context.positions if one.strategy_id == strategy),
            [*((one, leaves_of(one)) for one in alone), pair],
        )
        resting = at_risk(
            (one, leaves)
            for one, leaves in [*((one, leaves_of(one)) for one in mine), pair]
            if (one.instrument_id, one.side) == (contract, order.side) and not fills_at_once(one)
        )
        largest = max(by_contract.pop(contract), resting)
        total = largest + sum(by_contract.values(), ZERO)
        if total <= most:
            return ""
        return f"{self.limits.title} allows {most} held and working, this would make {total:f}"

    def _loss_violation(self, described: OrderDescription) -> str:
        """Compare the loss if every stop is hit with the rung's risk."""
        if described.request.stop_trigger is None:
            return ""
        order, context = described.order, described.context
        mine = [o for o in context.orders.values() if o.strategy_id == order.strategy_id]
        lost = self._entry_loss(order, described.contracts, described.request.stop_trigger)
        if lost is None:
            return f"no price of {order.instrument_id} is known to measure its stop from"
        for one in mine:
            stop = stop_of(one, mine)
            if stop is not None and one.client_order_id != order.client_order_id:
                lost += self._entry_loss(one, leaves_of(one), stop) or ZERO
        lost += sum(
            (
                self._position_loss(position, mine)
                for position in context.positions
                if position.strategy_id == order.strategy_id
            ),
            ZERO,
        )
        rung = self.limits
        if lost <= rung.risk:
            return ""
        return f"{rung.title} risks {rung.risk:f} {rung.currency}, the stops would lose {lost:f}"

    def _entry_loss(self, order: Any, contracts: Decimal, stop: Decimal) -> Decimal | None:
        """Return the loss of an entry's contracts at a stop, in dollars; None without a price."""
        price = optional(order, "price") or optional(order, "trigger_price")
        if order.order_type == OrderType.MARKET or price is None:
            price = self._last_price(order.instrument_id)
        if price is None:
            return None
        points = price - stop if order.side == OrderSide.BUY else stop - price
        return max(points, ZERO) * contracts * self._multiplier(order.instrument_id)

    def _position_loss(self, position: Held, orders: Iterable[Any]) -> Decimal:
        """Return the loss of a position from its entry to its working stops, in dollars."""
        sign, rest = (1 if position.net > 0 else -1), abs(position.net)
        closing = OrderSide.SELL if position.net > 0 else OrderSide.BUY
        entry, lost = position.entry, ZERO
        stops = [
            (trigger, leaves_of(one))
            for one in orders
            if one.instrument_id == position.instrument_id
            and one.side == closing
            and (trigger := optional(one, "trigger_price")) is not None
        ]
        for trigger, leaves in sorted(stops, key=lambda stop: sign * stop[0]):
            size = min(rest, leaves)
            lost += max(sign * (entry - trigger), ZERO) * size
            rest -= size
        return lost * self._multiplier(position.instrument_id)

    def _last_price(self, contract: Any) -> Decimal | None:
        """Return a contract's last known price: of the bar being handled, else the newest."""
        handled = self._trap.current_event
        if isinstance(handled, Bar) and handled.bar_type.instrument_id == contract:
            return decimal(handled.close)
        kinds = self._cache.bar_types(AggregationSource.EXTERNAL, contract, PriceType.LAST)
        bars = [self._cache.bar(kind) for kind in kinds]
        newest = max(filter(None, bars), key=lambda bar: bar.ts_init, default=None)
        if newest is not None:
            return decimal(newest.close)
        for kind in (PriceType.LAST, PriceType.MID):
            if (price := self._cache.price(contract, kind)) is not None:
                return decimal(price)
        return None

    def _multiplier(self, contract: Any) -> Decimal:
        found: Decimal = self._cache.instrument(contract).multiplier.as_decimal()
        return found


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
    ) -> None:
        self._cache, self._balance, self._terms_by_root = cache, balance, terms
        self._holdings = holdings
        self._settings = settings
        self._terms: dict[Any, ContractTerms] = {}
        self._in_force: dict[Any, tuple[int, float, MarginRates | None]] = {}
        self.equity_bound = EquityBound()

    def violation(self, order: Any, contracts: Decimal, context: OrderContext, ts: int) -> str:
        """Return why equity does not cover `contracts` more of an order; empty where it does."""
        if unknown := self._balance.unknown():
            return f"{UNKNOWN_EQUITY}: {unknown}"
        nets = net_by_contract(context.positions)
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
        return self._holdings.by_contract()

    def _terms_of(self, contract: Any) -> ContractTerms:
        terms = self._terms.get(contract)
        if terms is None:
            root = root_of(self._cache.instrument(contract))
            terms = self._terms[contract] = self._terms_by_root[root]
        return terms
