"""Strategies on a root: they hear the front's bars, order "the front", and are rolled.

Every order goes to a dated contract. At a turn the position is closed in the old contract and
opened in the new one, both at market, and protective orders move by the difference of the turn's
prices. The author's strategy hears of none of these orders, since to it nothing has changed; it may
hear `on_roll(rolled)`. Roll and strategy orders are never in flight together: a turn waits while
the strategy works an order that adds risk, and while it waits no new risk is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.contracts.order_copies import dated, moved_exits
from qe_plugins.engine.hosting.exceptions import guarded
from qe_plugins.engine.hosting.host import GatedStrategy, callbacks, host
from qe_plugins.engine.risk.order_request import describe_order, position, unfinished
from qe_plugins.engine.rolling.front import adjusted
from qe_plugins.engine.rolling.front_state import FrontState, FrontView
from qe_plugins.engine.simulation.order_routing import send
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Rolled

if TYPE_CHECKING:
    from qe_plugins.engine.rolling.roll_points import RollPoint
    from qe_plugins.engine.running.context import RunContext

WARMTH = 5_000
"""Front bars on which indicators are warmed anew after a turn."""


class FollowingStrategy(GatedStrategy):
    """A hosted strategy whose instrument is the front of a root."""

    _follower: ClassVar[FrontState]

    @property
    def cache(self) -> Any:
        return FrontView(super().cache, self._follower)

    @property
    def portfolio(self) -> Any:
        return FrontView(super().portfolio, self._follower)

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        if bar_type == self._follower.label:
            self._follower.listens = True
            return
        self._follower.asked.add(bar_type.standard())
        super().subscribe_bars(bar_type, *args, **kwargs)

    def unsubscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        if bar_type == self._follower.label:
            self._follower.listens = False
            return
        self._follower.asked.discard(bar_type.standard())
        if bar_type not in self._follower.sources:
            super().unsubscribe_bars(bar_type, *args, **kwargs)

    def register_indicator_for_bars(self, bar_type: Any, indicator: Any) -> None:
        if bar_type == self._follower.label:
            self._follower.indicators.append(indicator)
        super().register_indicator_for_bars(bar_type, indicator)

    def submit_order(self, order: Any, *args: Any, **kwargs: Any) -> None:
        order = self._dated(order)
        if not self._waits_for_roll([order]):
            super().submit_order(order, *args, **kwargs)

    def submit_order_list(self, order_list: Any, *args: Any, **kwargs: Any) -> None:
        orders = [self._dated(o) for o in getattr(order_list, "orders", order_list)]
        if not self._waits_for_roll(orders):
            super().submit_order_list(orders, *args, **kwargs)

    def cancel_all_orders(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().cancel_all_orders(self._translated(instrument_id), *args, **kwargs)

    def close_all_positions(self, instrument_id: Any, *args: Any, **kwargs: Any) -> None:
        super().close_all_positions(self._translated(instrument_id), *args, **kwargs)

    def turns(self, bar: Bar) -> None:
        """Take a front bar at which there is something to do: warm indicators, try to roll."""
        if self._follower.reach(bar.ts_event):
            self._warm(bar)
        if self._follower.due is not None and not self._adds_risk():
            self._roll(self._follower.due, bar)

    def _translated(self, instrument_id: Any) -> Any:
        follower = self._follower
        return follower.contract if instrument_id == follower.id else instrument_id

    def _dated(self, order: Any) -> Any:
        if order.instrument_id != self._follower.id:
            return order
        return dated(order, self._follower.contract)

    def _waits_for_roll(self, orders: list[Any]) -> bool:
        """Deny orders that add risk while a turn waits. Say whether they were denied."""
        due = self._follower.due
        if due is None:
            return False
        reason = f"waits: {due.before} is being rolled to {due.after}"
        described = describe_order(self, orders[0], submitted=self._unlisted(), sending=orders)
        if described.reduces:
            return False
        request = described.request
        self._floor.recorder.veto(request, "roll", reason)
        for order in orders:
            self._sends(order)
            self._deny(order, request, [("roll", reason)])
        return True

    def _warm(self, bar: Bar) -> None:
        """Put the indicators on the new contract's level, as `adjust` says."""
        follower = self._follower
        if follower.follows.adjust == "none" or not follower.indicators:
            return
        history = list(follower.past)[-WARMTH:]
        bars = adjusted(history, follower.passed(bar.ts_event), follower.follows.adjust)
        for indicator in follower.indicators:
            indicator.reset()
            for each in bars:
                indicator.handle_bar(each)

    def _working(self) -> list[Any]:
        found = unfinished(
            self._floor.cache,
            instrument_id=self._follower.contract,
            strategy_id=self.strategy_id,
        )
        return list(found.values())

    def _adds_risk(self) -> bool:
        """Say whether the strategy works an order that would not merely reduce its position."""
        held = self._held()
        closing = OrderSide.SELL if held > 0 else OrderSide.BUY
        return any(held == 0 or o.side != closing for o in self._working())

    def _held(self) -> Any:
        return position(self._floor.cache, self._follower.contract, self.strategy_id)

    def _roll(self, turn: RollPoint, bar: Bar) -> None:
        """Leave the old contract and, where there are prices and leave to do so, enter the new."""
        follower, held = self._follower, self._held()
        exits = self._working()
        if held == 0 and not exits:
            follower.arrive(turn)
            return
        rolled = self._announced(turn, bar)
        legs = self._legs(turn, held)
        enters = not rolled.flat and self._may_enter(legs[1], rolled)
        if enters:
            follower.quiet |= {order.client_order_id for order in (legs[0], *exits)}
        for order in exits:
            self.cancel_order(order.client_order_id)
        self._send_leg(legs[0], rolled)
        follower.arrive(turn)
        if enters:
            self._enter(legs[1], exits, rolled)
        self._record(rolled, legs, held, enters)
        if (hear := getattr(self, "on_roll", None)) is not None:
            hear(rolled)

    def _enter(self, leg: Any, exits: Sequence[Any], rolled: Rolled) -> None:
        self._follower.quiet.add(leg.client_order_id)
        self._send_leg(leg, rolled)
        fresh = self.order_factory.generate_client_order_id
        assert rolled.prices is not None
        for order in moved_exits(exits, self._follower.contract, rolled.prices, fresh, rolled.at):
            self._send_leg(order, rolled)

    def _legs(self, turn: RollPoint, held: Any) -> tuple[Any, Any]:
        size = Quantity.from_int(int(abs(held)))
        out, back = OrderSide.SELL, OrderSide.BUY
        sides = (out, back) if held > 0 else (back, out)
        contracts = (turn.before, turn.after)
        market = self.order_factory.market
        old, new = (
            market(InstrumentId.from_str(contract), side, size, tags=["ROLL"])
            for contract, side in zip(contracts, sides, strict=True)
        )
        return old, new

    def _may_enter(self, leg: Any, rolled: Rolled) -> bool:
        """Put the second leg to the gate. Where it is refused, the roll only closes."""
        leaving = (self.strategy_id, InstrumentId.from_str(rolled.before))
        refused = self._refused(leg, without=leaving)
        if refused:
            self._floor.recorder.sends(leg, rolled)
            self._deny(leg, *refused)
        return refused is None

    def _send_leg(self, order: Any, rolled: Rolled) -> None:
        self._floor.recorder.sends(order, rolled)
        send(self, order)

    def _announced(self, turn: RollPoint, bar: Bar) -> Rolled:
        follower = self._follower
        present = self._floor.cache.instrument(InstrumentId.from_str(turn.after)) is not None
        return Rolled(
            fact=self._floor.recorder.next_id(FactKind.ROLL),
            root=follower.front.root,
            before=turn.before,
            after=turn.after,
            at=bar.ts_event,
            prices=turn.prices if turn.at == bar.ts_event else self._prices(turn),
            reason=turn.reason,
            flat=follower.follows.roll == "flat" or not present or turn.prices is None,
        )

    def _prices(self, turn: RollPoint) -> Any:
        """Return the last closes of both contracts, for a roll that had to wait."""
        spec, cache = self._follower.front.spec, self._floor.cache
        bars = [
            cache.bar(BarType.from_str(f"{contract}-{spec}-EXTERNAL"))
            for contract in (turn.before, turn.after)
        ]
        return tuple(decimal(bar.close) for bar in bars) if all(bars) else turn.prices

    def _record(self, rolled: Rolled, legs: tuple[Any, Any], held: Any, enters: bool) -> None:
        recorder, bar_ts = self._floor.recorder, rolled.at
        orders = legs if enters else legs[:1]
        body = {
            "strategy": self.strategy_id.value,
            "contracts": str(held),
            "before": rolled.before,
            "after": rolled.after,
            "prices": [str(price) for price in rolled.prices or ()],
            "reason": rolled.reason,
            "outcome": "rolled" if enters else "flat",
            "orders": [order.client_order_id.value for order in orders],
        }
        recorder.numbered(FactKind.ROLL, bar_ts, "roll", None, body)


def host_on_front(author: Any, floor: RunContext, follower: FrontState) -> Any:
    """Derive the class that runs in place of a strategy on a root."""
    body = {
        name: _hushed(method, follower)
        for name, method in callbacks(author, FollowingStrategy).items()
        if name.startswith(("on_order", "on_position"))
    }

    def on_start(self: Any) -> None:
        for source in follower.sources:
            if floor.cache.instrument(source.instrument_id) is not None:
                Strategy.subscribe_bars(self, source)
                floor.circles.join("on_bar", source, self)
        floor.house.hears(follower.id)
        author.on_start(self)

    def on_front(self: Any, bar: Bar) -> None:
        for indicator in follower.indicators:
            indicator.handle_bar(bar)
        if bar.ts_event >= follower.next_at:
            self.turns(bar)
        if follower.listens:
            author.on_bar(self, bar)

    body |= {"on_start": on_start, "_follower": follower, "__module__": author.__module__}
    hosted: Any = host(type(author.__name__, (author,), body), floor, FollowingStrategy)
    watch = None if floor.hears else floor.house
    hosted.on_bar = _told(hosted.on_bar, guarded(on_front, floor.alarm, watch), follower)
    return hosted


def _told(on_bar: Any, on_front: Any, follower: FrontState) -> Any:
    """Return the `on_bar` that hears of each contract, and passes on what it makes of the front."""

    def heard(self: Any, bar: Bar) -> None:
        kind = bar.bar_type
        if follower.asked and kind in follower.asked:
            on_bar(self, bar)
        if kind == follower.source and bar.ts_event >= follower.since:
            on_front(self, follower.hear())

    return heard


def _hushed(method: Any, follower: FrontState) -> Any:
    """Wrap a callback so that the author does not hear of the roll's own orders."""

    def call(self: Any, event: Any) -> None:
        if not follower.hushes(event):
            method(self, event)

    return call
