"""Put a strategy's orders on the terms that Interactive Brokers needs, so that no author has to.

Exits are good till cancelled, on the tick, not reduce-only, and live outside regular hours: a stop
on a US future triggers in regular hours only without `outsideRth`. Exits of one list share
an OCA group, so that the broker itself cancels the sibling of one that filled, also for orders that
were sent apart, and while this process is dead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderSide, OrderType, Price, TimeInForce

from qe_plugins.engine.contracts.order_copies import rebuilt
from qe_plugins.engine.risk.order_request import owner_of, unfinished

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext

TAG = "IBOrderTags:"
CANCEL_ALL = 1
"""The OCA type that cancels the other orders of a group, and lets none of them overfill it."""


def order_tag(group: str | None) -> str:
    """Return the tag of an order that is live outside regular hours, in an OCA group or in none."""
    fields: dict[str, Any] = {"outsideRth": True}
    if group is not None:
        fields |= {"ocaGroup": group, "ocaType": CANCEL_ALL}
    return TAG + json.dumps(fields, separators=(",", ":"))


def group_in(tags: Iterable[str]) -> str | None:
    """Return the OCA group in the tags of an order, None without one."""
    for tag in tags:
        if tag.startswith(TAG):
            found = json.loads(tag.removeprefix(TAG)).get("ocaGroup")
            return None if found is None else str(found)
    return None


class OrderTerms:
    """Rewrites orders before they are checked and sent. Their ids stay.

    It is made before the node connects, of what the journal says works at the broker.
    """

    def __init__(self, context: RunContext) -> None:
        self._run_context = context
        intents = context.session_recorder.reached.open_orders
        self._tags = {name: list(one.body.get("tags", ())) for name, one in intents.items()}
        self._exits = {name for name, one in intents.items() if "parent" in one.body}

    def group_of(self, order: Any) -> str | None:
        """Return the OCA group of an order, None without one.

        Orders of an earlier process come back from the broker without their tags: the journal has
        them.
        """
        return group_in(order.tags or self._tags.get(order.client_order_id.value, ()))

    def group_among(self, orders: Iterable[Any]) -> str | None:
        """Return the OCA group of some exits, None where none has one."""
        return next((group for one in orders if (group := self.group_of(one)) is not None), None)

    def is_exit(self, order: Any) -> bool:
        """Return whether an order is an exit of a bracket, by the order or by the journal."""
        return order.parent_order_id is not None or order.client_order_id.value in self._exits

    def outlived(self, order: Any) -> bool:
        """Return whether an order is an exit whose entry works no more."""
        if order.parent_order_id is None:
            return order.client_order_id.value in self._exits
        parent = self._run_context.cache.order(order.parent_order_id)
        return parent is None or bool(parent.is_closed)

    def prepared(self, order: Any) -> Any:
        """Return an order as it is to leave."""
        tick = self._run_context.cache.instrument(order.instrument_id).price_increment.as_decimal()
        changes: dict[str, Any] = {"reduce_only": False} | prices_on_tick(order, tick)
        if getattr(order, "is_post_only", False):
            changes["post_only"] = False
        is_exit, group = self._exit_group(order)
        kept = [tag for tag in order.tags or () if not tag.startswith(TAG)]
        if is_exit:
            changes["tags"] = [*kept, order_tag(group)]
            if order.emulation_trigger is not None:
                changes["emulation_trigger"] = None  # the broker holds it, not this process
            if order.order_type != OrderType.MARKET:
                changes["time_in_force"] = TimeInForce.GTC
        elif order.order_type != OrderType.MARKET:
            changes["tags"] = [*kept, order_tag(None)]
            if order.time_in_force == TimeInForce.GTC:
                changes["time_in_force"] = TimeInForce.DAY  # an entry does not outlive its session
        return rebuilt(order, **changes)

    def _exit_group(self, order: Any) -> tuple[bool, str | None]:
        """Return whether an order only closes, and the OCA group that it belongs to.

        An order that closes the whole position joins the group of the exits that work, so that one
        of them and it cannot both fill.
        """
        if order.parent_order_id is not None:
            group = order.order_list_id
            return True, (order.parent_order_id if group is None else group).value
        net = self._run_context.holdings.net(order.strategy_id, order.instrument_id)
        closes = net and order.side == (OrderSide.SELL if net > 0 else OrderSide.BUY)
        if not closes:
            return False, None
        if order.quantity.as_decimal() != abs(net):
            return True, None
        return True, self.group_among(working_exits(self._run_context, owner_of(order), net))


def working_exits(context: RunContext, owner: tuple[Any, Any], net: Decimal) -> list[Any]:
    """Return the unfinished orders of a strategy in a contract against its position."""
    strategy, contract = owner
    side = OrderSide.SELL if net > 0 else OrderSide.BUY
    sent = context.sent_orders.in_flight()
    found = unfinished(context.cache, sent, instrument_id=contract)
    hosted = {one.strategy_id for one in context.strategies} - {strategy}
    return [
        one
        for one in found.values()
        if one.side == side and one.instrument_id == contract and one.strategy_id not in hosted
    ]


def prices_on_tick(order: Any, tick: Decimal) -> dict[str, Price]:
    """Return the prices of an order that are off the tick, moved to it.

    A stop moves nearer to the market, so that it loses less; a limit away from it.
    """
    found: dict[str, Price] = {}
    sells = order.side == OrderSide.SELL
    for name in ("price", "trigger_price"):
        price = getattr(order, name, None)
        if price is None:
            continue
        ticks = price.as_decimal() / tick
        sign = 1 if sells else -1
        rounded = sign * (sign * ticks).to_integral_value(ROUND_CEILING)
        if rounded != ticks:
            found[name] = Price.from_decimal_dp(rounded * tick, price.precision)
    return found
