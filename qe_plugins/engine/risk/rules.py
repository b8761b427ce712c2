"""Always-on rules for orders that add risk: rung, margin, expiry, trading hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar, OrderSide, OrderType

from qe_plugins.engine.accounting.holdings import Held, net_by_contract
from qe_plugins.engine.contracts.instruments import decimal, root_of
from qe_plugins.engine.risk.last_price import last_price
from qe_plugins.engine.risk.order_request import (
    ZERO,
    OrderDescription,
    at_risk,
    exposures,
    fills_at_once,
    leaves_of,
    optional,
    stop_of,
)
from qe_plugins.market.exchange_zone import CHICAGO
from qe_plugins.market.expiry import stops_trading
from qe_plugins.market.sessions import closed_until, delivery, trading_window

if TYPE_CHECKING:
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.engine.risk.margin import MarginCalculator
    from qe_plugins.plugins.types import Rung

SECOND = 1_000_000_000
NO_WINDOW = (0, 0)
"""The trading window of a root without known sessions: it is taken to be open."""

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
        self._windows: dict[Any, tuple[int, int]] = {}

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

    def uncovered(self, described: OrderDescription) -> str:
        """Return why an order may not sell the option that protects a short one; empty if it may.

        Other orders that only reduce are never refused, nor is a forced close of all positions.
        """
        if not self._margin.uncovers(described.order, described.context):
            return ""
        order, ts = described.order, described.request.ts
        return self._margin.violation(order, described.contracts, described.context, ts)

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
        contract = order.instrument_id
        opens, closes = self._windows.get(contract, NO_WINDOW)
        if opens <= ts < closes:
            return ""
        root = root_of(self._cache.instrument(contract))
        opens, _ = self._windows[contract] = trading_window(root, ts) or NO_WINDOW
        if ts >= opens or (self._grace and closed_until(root, ts - self._grace) is None):
            return ""  # in grace it was decided on a bar that traded, and waits for the next price
        at = datetime.fromtimestamp(opens // SECOND, CHICAGO)
        return f"the market is closed until {at:%Y-%m-%d %H:%M} in Chicago"


class FurtherRules:
    """The rules of a run, and more: a subclass adds to `violations`."""

    def __init__(self, rules: OrderRules) -> None:
        self._rules = rules
        self.rung_rule: RungRule = rules.rung_rule

    def violations(self, described: OrderDescription) -> list[Violation]:
        """Return a violation for every rule that an order which adds risk breaks."""
        return self._rules.violations(described)

    def uncovered(self, described: OrderDescription) -> str:
        """Return why an order that only reduces may not leave; empty where it may."""
        return self._rules.uncovered(described)

    def deadline(self, contract: Any) -> int:
        """Return when (UTC nanoseconds) positions in a contract must be closed."""
        return self._rules.deadline(contract)

    def flat_at(self, contract: Any) -> int | None:
        """Return when (UTC nanoseconds) positions are closed by force; None where they settle."""
        return self._rules.flat_at(contract)


type OrderRules = RiskRules | FurtherRules
"""What the host asks about each order."""


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
        return last_price(self._cache, contract)

    def _multiplier(self, contract: Any) -> Decimal:
        found: Decimal = self._cache.instrument(contract).multiplier.as_decimal()
        return found
