"""The rung's limits on new risk: its root, its number of contracts, its loss at the stops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import AggregationSource, Bar, OrderSide, OrderType, PriceType

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.risk.margin import exposures
from qe_plugins.engine.risk.order_request import (
    ZERO,
    OrderDescription,
    at_risk,
    fills_at_once,
    leaves_of,
    net,
    optional,
    stop_of,
)
from qe_plugins.engine.settings.entries import entries, texts

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.engine.hosting.exceptions import ExceptionTrap
    from qe_plugins.plugins.types import Rung


class RungRule:
    """Limits one strategy's positions and working orders, in all its contracts together.

    An entry without a stop has no loss at the stop: only its number of contracts is limited. A stop
    that is moved or submitted later only reduces, and passes.
    """

    def __init__(self, cache: Any, rung: Rung, trap: ExceptionTrap) -> None:
        self._cache, self._rung, self._trap = cache, rung, trap

    def violation(self, described: OrderDescription) -> str:
        """Return why the rung does not allow an order; empty where it does."""
        if not self._rung.enforced:
            return ""
        root = self._cache.instrument(described.order.instrument_id).underlying
        if self._rung.root not in (None, root):
            return f"{self._rung.title} holds {self._rung.root}, not {root}"
        return self._contracts_violation(described) or self._loss_violation(described)

    def _contracts_violation(self, described: OrderDescription) -> str:
        """Compare the strategy's exposure with the rung's contracts.

        Resting orders on one side count in full, too: the position may be closed before they fill.
        """
        order, most, context = described.order, self._rung.max_contracts, described.context
        strategy, contract = order.strategy_id, order.instrument_id
        mine = [one for one in context.orders.values() if one.strategy_id == strategy]
        pair = (order, described.contracts)
        alone = [one for one in mine if one.parent_order_id != order.client_order_id]
        by_contract = exposures(
            _net_by_contract(context.positions, strategy),
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
        return f"{self._rung.title} allows {most} held and working, this would make {total:f}"

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
        rung = self._rung
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

    def _position_loss(self, position: Any, orders: Iterable[Any]) -> Decimal:
        """Return the loss of a position from its entry to its working stops, in dollars."""
        sign, rest = (1 if position.is_long else -1), position.quantity.as_decimal()
        closing = OrderSide.SELL if position.is_long else OrderSide.BUY
        entry, lost = Decimal(str(position.avg_px_open)), ZERO
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


def _net_by_contract(positions: Iterable[Any], strategy: Any) -> dict[Any, Decimal]:
    """Return a strategy's net position in each contract."""
    nets: dict[Any, Decimal] = defaultdict(Decimal)
    for position in positions:
        if position.strategy_id == strategy:
            nets[position.instrument_id] += net([position])
    return nets


def check_rung(loaded: Loaded, roots: Mapping[str, str], sized: Container[str]) -> None:
    """Raise ConfigError where the rung does not allow orders that a configuration is sure to send.

    `roots` are the roots of the data's contracts and fronts, by id; `sized` are the names of
    strategies that take their sizes from the desk.
    """
    rung = loaded.config.rung
    if not rung.enforced:
        return
    hint = "Name the rung that it needs, such as `rung: {name: 1 ES, risk: 500 USD}`."
    if rung.root is not None and rung.root not in roots.values():
        in_data = ", ".join(sorted(set(roots.values())))
        message = f"{rung.title} holds {rung.root}, the data has {in_data}."
        raise loaded.error(message, "rung", "name", hint=hint)
    for entry in entries(loaded, "strategies"):
        root_by_key = {key: _root_of(text, roots) for key, text in texts(entry.settings)}
        ordered = {root for root in root_by_key.values() if root is not None}
        if rung.root is not None and ordered and rung.root not in ordered:
            key = next(key for key, root in root_by_key.items() if root is not None)
            message = f"{rung.title} holds {rung.root}, not {', '.join(sorted(ordered))}."
            raise loaded.error(message, *entry.keys, key, hint=hint)
        size = entry.settings.get("contracts")
        if entry.name in sized or not isinstance(size, int):
            continue
        if size > rung.max_contracts > 0:
            message = f"{rung.title} allows {rung.max_contracts} contracts, was {size}."
            raise loaded.error(message, *entry.keys, "contracts", hint=hint)


def _root_of(text: str, roots: Mapping[str, str]) -> str | None:
    """Return the root of the contract or bar type that a setting names, None for another text."""
    if text in roots.values():
        return text
    return roots.get(text) or roots.get(text.partition("-")[0])
