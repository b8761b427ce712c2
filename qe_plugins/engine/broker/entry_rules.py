"""What an entry must have before it may leave for a broker: its stop, within the rung's dollars."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderSide, OrderType

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.risk.order_request import leaves_of, optional
from qe_plugins.engine.risk.rules import FurtherRules

if TYPE_CHECKING:
    from qe_plugins.config.schema import SlippageSettings
    from qe_plugins.engine.risk.order_request import OrderDescription
    from qe_plugins.engine.risk.rules import OrderRules, Violation

LIVE = "live"
"""The name of the rule that an entry leaves with its stop, and of when none may leave."""

ZERO = Decimal(0)

type NoEntryReason = Callable[[Any, int], str]
"""Returns why no order may add risk in a contract at a moment (UTC ns), empty where it may."""


def slippage_points(settings: SlippageSettings, tick: Decimal) -> Decimal:
    """Return the slippage of one market or stop order, in points, that a loss is measured with.

    Models that depend on volume count as one step of theirs.
    """
    match settings.model:
        case "none":
            return ZERO
        case "half_spread":
            ticks = (Decimal(settings.spread) / 2).to_integral_value(ROUND_CEILING)
        case "ticks":
            ticks = Decimal(settings.ticks)
        case _:
            ticks = Decimal(max(settings.ticks, 1))
    return ticks * tick


class BrokerRules(FurtherRules):
    """The always-on rules of a run, and those of a broker's account.

    `stop_loss` is also how a stop that is moved is checked. The rung is that of `rung_rule`, which
    a demotion changes while the session runs.
    """

    def __init__(
        self,
        rules: OrderRules,
        cache: Any,
        slippage: SlippageSettings,
        no_entry: NoEntryReason,
    ) -> None:
        super().__init__(rules)
        self._cache, self._slippage, self._no_entry = cache, slippage, no_entry

    def violations(self, described: OrderDescription) -> list[Violation]:
        """Return a violation for every rule that an order which adds risk breaks."""
        found = super().violations(described)
        contract, ts = described.order.instrument_id, described.request.ts
        reasons = (self._no_entry(contract, ts), self._entry_violation(described))
        return [*found, *((LIVE, reason) for reason in reasons if reason)]

    def _entry_violation(self, described: OrderDescription) -> str:
        order = described.order
        if described.request.increase_by is not None:
            return "a working order is not increased: cancel it and send another"
        if order.emulation_trigger is not None or order.exec_algorithm_id is not None:
            return "an entry goes to the broker itself, neither emulated nor by an algorithm"
        exits = [
            one
            for one in described.context.orders.values()
            if one.parent_order_id == order.client_order_id and one.side != order.side
        ]
        stops = [one for one in exits if one.order_type == OrderType.STOP_MARKET]
        if len(stops) != 1:
            return f"an entry leaves with one stop-market order in its list, was {len(stops)}"
        [stop] = stops
        if stop.emulation_trigger is not None:
            return "its stop is emulated: the broker must hold it"
        if leaves_of(stop) != described.contracts:
            return f"its stop is for {leaves_of(stop)} of {described.contracts} contracts"
        return self._loss_violation(order, described.contracts, decimal(stop.trigger_price))

    def _loss_violation(self, order: Any, contracts: Decimal, trigger: Decimal) -> str:
        price = self._price(order)
        if price is None:
            return f"no price of {order.instrument_id} is known to measure its stop from"
        is_long = order.side == OrderSide.BUY
        if not (trigger < price if is_long else trigger > price):
            return f"its stop at {trigger} is not beyond the price {price}"
        legs = 1 if order.order_type == OrderType.LIMIT else 2
        lost = self.stop_loss(order.instrument_id, price, trigger, contracts, legs=legs)
        rung = self.rung_rule.limits
        if lost <= rung.risk:
            return ""
        return (
            f"{rung.title} risks {rung.risk:f} {rung.currency}, "
            f"the stop would lose {lost:.2f} with slippage"
        )

    def stop_loss(
        self, contract: Any, price: Decimal, trigger: Decimal, contracts: Decimal, *, legs: int = 1
    ) -> Decimal:
        """Return the dollars that `contracts` lose from a price to a stop, slippage included.

        `legs` is how many of entry and stop slip.
        """
        instrument = self._cache.instrument(contract)
        slips = slippage_points(self._slippage, decimal(instrument.price_increment)) * legs
        return (abs(price - trigger) + slips) * decimal(instrument.multiplier) * contracts

    def _price(self, order: Any) -> Decimal | None:
        """Return the price at which an entry may fill: its own, else the side it takes."""
        own = optional(order, "price") if order.order_type != OrderType.MARKET else None
        own = own if own is not None else optional(order, "trigger_price")
        if own is not None:
            return own
        quote = self._cache.quote(order.instrument_id)
        if quote is None:
            return None
        return decimal(quote.ask_price if order.side == OrderSide.BUY else quote.bid_price)
