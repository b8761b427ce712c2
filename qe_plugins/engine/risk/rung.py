"""Hold every new risk against the rung: its root, its contracts, and its dollars at the stop."""

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
    """Limits what one strategy holds and works, in all its contracts together.

    An order without a stop has no dollars at one: it is limited in contracts alone. A stop that is
    moved or comes later only reduces, and passes.
    """

    def __init__(self, cache: Any, rung: Rung, alarm: ExceptionTrap) -> None:
        self._cache, self._rung, self._alarm = cache, rung, alarm

    def refusal(self, described: OrderDescription) -> str:
        """Return why the rung does not allow an order; empty where it does."""
        if not self._rung.enforced:
            return ""
        root = self._cache.instrument(described.order.instrument_id).underlying
        if self._rung.root not in (None, root):
            return f"{self._rung.title} holds {self._rung.root}, not {root}"
        return self._too_many(described) or self._too_dear(described)

    def _too_many(self, described: OrderDescription) -> str:
        """Compare what the strategy may come to hold with the rung's contracts.

        What rests on one side counts in full, too: a position may always be closed beside it.
        """
        order, most, present = described.order, self._rung.max_contracts, described.present
        strategy, contract = order.strategy_id, order.instrument_id
        mine = [one for one in present.orders.values() if one.strategy_id == strategy]
        pair = (order, described.contracts)
        alone = [one for one in mine if one.parent_order_id != order.client_order_id]
        by_contract = exposures(
            _held(present.positions, strategy), [*((one, leaves_of(one)) for one in alone), pair]
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

    def _too_dear(self, described: OrderDescription) -> str:
        """Compare what is lost if every stop is hit with the rung's risk."""
        if described.request.stop_trigger is None:
            return ""
        order, present = described.order, described.present
        mine = [o for o in present.orders.values() if o.strategy_id == order.strategy_id]
        lost = self._loss(order, described.contracts, described.request.stop_trigger)
        if lost is None:
            return f"no price of {order.instrument_id} is known to measure its stop from"
        for one in mine:
            stop = stop_of(one, mine)
            if stop is not None and one.client_order_id != order.client_order_id:
                lost += self._loss(one, leaves_of(one), stop) or ZERO
        lost += sum(
            (
                self._loss_held(position, mine)
                for position in present.positions
                if position.strategy_id == order.strategy_id
            ),
            ZERO,
        )
        rung = self._rung
        if lost <= rung.risk:
            return ""
        return f"{rung.title} risks {rung.risk:f} {rung.currency}, the stops would lose {lost:f}"

    def _loss(self, order: Any, contracts: Decimal, stop: Decimal) -> Decimal | None:
        """Return what contracts of an entry lose at a stop, in dollars; None without a price."""
        price = optional(order, "price") or optional(order, "trigger_price")
        if order.order_type == OrderType.MARKET or price is None:
            price = self._last(order.instrument_id)
        if price is None:
            return None
        points = price - stop if order.side == OrderSide.BUY else stop - price
        return max(points, ZERO) * contracts * self._multiplier(order.instrument_id)

    def _loss_held(self, position: Any, orders: Iterable[Any]) -> Decimal:
        """Return what a position loses, from its entry, at the stops that work for it."""
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

    def _last(self, contract: Any) -> Decimal | None:
        """Return the last known price of a contract: of the bar that is handled, or the newest."""
        handled = self._alarm.handling
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


def _held(positions: Iterable[Any], strategy: Any) -> dict[Any, Decimal]:
    """Return a strategy's net position in each contract."""
    held: dict[Any, Decimal] = defaultdict(Decimal)
    for position in positions:
        if position.strategy_id == strategy:
            held[position.instrument_id] += net([position])
    return held


def check_rung(loaded: Loaded, roots: Mapping[str, str], sized: Container[str]) -> None:
    """Raise ConfigError where the rung cannot hold what a configuration is sure to order.

    `roots` are the roots of the contracts and fronts that there are, by id; `sized` are the names
    of strategies that ask the desk for their sizes.
    """
    rung = loaded.config.rung
    if not rung.enforced:
        return
    hint = "Name the rung that it needs, such as `rung: {name: 1 ES, risk: 500 USD}`."
    if rung.root is not None and rung.root not in roots.values():
        there = ", ".join(sorted(set(roots.values())))
        message = f"{rung.title} holds {rung.root}, the data has {there}."
        raise loaded.error(message, "rung", "name", hint=hint)
    for entry in entries(loaded, "strategies"):
        named = {key: _root_of(text, roots) for key, text in texts(entry.settings)}
        ordered = {root for root in named.values() if root is not None}
        if rung.root is not None and ordered and rung.root not in ordered:
            key = next(key for key, root in named.items() if root is not None)
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
