"""Host a strategy on a root: it receives the front's bars, orders by the front's id, and is rolled.

Every order is sent for a dated contract. At a roll point the position is closed in the old contract
and opened in the new one, both at market, and protective orders move by the difference of the roll
point's prices. Events of these orders are hidden from the author's strategy, whose position has not
changed; its `on_roll(rolled)` is called if it has one. Orders of a roll and of the strategy are
never in flight together: a roll stays pending while the strategy works an order that adds risk, and
while it is pending no new risk is allowed.
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
from qe_plugins.engine.risk.order_request import describe_order, unfinished
from qe_plugins.engine.rolling.front import adjusted
from qe_plugins.engine.rolling.front_state import FrontState, FrontView
from qe_plugins.engine.simulation.order_routing import send
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Rolled

if TYPE_CHECKING:
    from qe_plugins.engine.rolling.roll_points import RollPoint
    from qe_plugins.engine.running.context import RunContext

WARM_UP_BARS = 5_000
"""The most front bars on which indicators are computed again after a roll."""


class FollowingStrategy(GatedStrategy):
    """A hosted strategy whose instrument is the front of a root."""

    _front_state: ClassVar[FrontState]

    @property
    def cache(self) -> Any:
        return FrontView(super().cache, self._front_state)

    @property
    def portfolio(self) -> Any:
        return FrontView(super().portfolio, self._front_state)

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        if bar_type == self._front_state.label:
            self._front_state.wants_bars = True
            return
        self._front_state.other_bars.add(bar_type.standard())
        super().subscribe_bars(bar_type, *args, **kwargs)

    def unsubscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        if bar_type == self._front_state.label:
            self._front_state.wants_bars = False
            return
        self._front_state.other_bars.discard(bar_type.standard())
        if bar_type not in self._front_state.sources:
            super().unsubscribe_bars(bar_type, *args, **kwargs)

    def register_indicator_for_bars(self, bar_type: Any, indicator: Any) -> None:
        if bar_type == self._front_state.label:
            self._front_state.indicators.append(indicator)
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

    def handle_roll_points(self, bar: Bar) -> None:
        """Pass the roll points up to a front bar: adjust indicators, and roll if possible."""
        if self._front_state.advance(bar.ts_event):
            self._warm_up(bar)
        if self._front_state.pending is not None and not self._adds_risk():
            self._roll_position(self._front_state.pending, bar)

    def _translated(self, instrument_id: Any) -> Any:
        front_state = self._front_state
        return front_state.contract if instrument_id == front_state.id else instrument_id

    def _dated(self, order: Any) -> Any:
        if order.instrument_id != self._front_state.id:
            return order
        return dated(order, self._front_state.contract)

    def _waits_for_roll(self, orders: list[Any]) -> bool:
        """Deny orders that add risk while a roll is pending. Return whether they were denied."""
        pending = self._front_state.pending
        if pending is None:
            return False
        reason = f"waits: {pending.before} is being rolled to {pending.after}"
        described = describe_order(self, orders[0], submitted=self._in_flight(), sending=orders)
        if described.reduces:
            return False
        request = described.request
        for order in orders:
            self._note_cause(order)
        self._run_context.recorder.veto(request, "roll", reason)
        for order in orders:
            self._deny(order, request, [("roll", reason)])
        return True

    def _warm_up(self, bar: Bar) -> None:
        """Compute the indicators again on bars adjusted to the new contract's level."""
        state = self._front_state
        adjust = state.settings.adjust
        if adjust == "none" or not state.indicators:
            return
        history = list(state.past)[-WARM_UP_BARS:]
        bars = adjusted(history, state.passed_roll_points(bar.ts_event), adjust)
        for indicator in state.indicators:
            indicator.reset()
            for each in bars:
                indicator.handle_bar(each)

    def _working_orders(self) -> list[Any]:
        found = unfinished(
            self._run_context.cache,
            instrument_id=self._front_state.contract,
            strategy_id=self.strategy_id,
        )
        return list(found.values())

    def _adds_risk(self) -> bool:
        """Return whether the strategy works an order that does more than reduce its position."""
        net = self._net_position()
        closing = OrderSide.SELL if net > 0 else OrderSide.BUY
        return any(net == 0 or o.side != closing for o in self._working_orders())

    def _net_position(self) -> Any:
        return self._run_context.holdings.net(self.strategy_id, self._front_state.contract)

    def _roll_position(self, point: RollPoint, bar: Bar) -> None:
        """Close the old contract and, where there are prices and no veto, enter the new one."""
        front_state, net = self._front_state, self._net_position()
        exits = self._working_orders()
        if net == 0 and not exits:
            front_state.rolled_to(point)
            return
        rolled = self._roll_notice(point, bar)
        legs = self._legs(point, net)
        enters = not rolled.flat and self._may_enter(legs[1], rolled)
        if enters:
            front_state.roll_orders |= {order.client_order_id for order in (legs[0], *exits)}
        for order in exits:
            self.cancel_order(order.client_order_id)
        self._send_leg(legs[0], rolled)
        front_state.rolled_to(point)
        if enters:
            self._enter(legs[1], exits, rolled)
        self._record_roll(rolled, legs, net, enters)
        if (on_roll := getattr(self, "on_roll", None)) is not None:
            on_roll(rolled)

    def _enter(self, leg: Any, exits: Sequence[Any], rolled: Rolled) -> None:
        self._front_state.roll_orders.add(leg.client_order_id)
        self._send_leg(leg, rolled)
        fresh = self.order_factory.generate_client_order_id
        assert rolled.prices is not None
        contract = self._front_state.contract
        for order in moved_exits(exits, contract, rolled.prices, fresh, rolled.at):
            self._send_leg(order, rolled)

    def _legs(self, point: RollPoint, net: Any) -> tuple[Any, Any]:
        size = Quantity.from_int(int(abs(net)))
        out, back = OrderSide.SELL, OrderSide.BUY
        sides = (out, back) if net > 0 else (back, out)
        contracts = (point.before, point.after)
        market = self.order_factory.market
        old, new = (
            market(InstrumentId.from_str(contract), side, size, tags=["ROLL"])
            for contract, side in zip(contracts, sides, strict=True)
        )
        return old, new

    def _may_enter(self, leg: Any, rolled: Rolled) -> bool:
        """Check the second leg like any order. Where it is denied, the roll only closes."""
        leaving = (self.strategy_id, InstrumentId.from_str(rolled.before))
        recorder = self._run_context.recorder
        if recorder.commits:
            recorder.order_sent(leg, rolled)
        described, refusals = self._checked(leg, without=leaving)
        if not refusals and recorder.commits:
            refusals = self._uncommitted(described.request, reduces=False)
        if refusals:
            recorder.order_sent(leg, rolled)
            self._deny(leg, described.request, refusals)
        return not refusals

    def _send_leg(self, order: Any, rolled: Rolled) -> None:
        recorder = self._run_context.recorder
        recorder.order_sent(order, rolled)
        if recorder.commits:
            recorder.commit(reduces=True)
        send(self, order)

    def _roll_notice(self, point: RollPoint, bar: Bar) -> Rolled:
        front_state = self._front_state
        present = self._run_context.cache.instrument(InstrumentId.from_str(point.after)) is not None
        return Rolled(
            fact=self._run_context.recorder.next_id(FactKind.ROLL),
            root=front_state.front.root,
            before=point.before,
            after=point.after,
            at=bar.ts_event,
            prices=point.prices if point.at == bar.ts_event else self._last_closes(point),
            reason=point.reason,
            flat=front_state.settings.roll == "flat" or not present or point.prices is None,
        )

    def _last_closes(self, point: RollPoint) -> Any:
        """Return the last closes of both contracts, for a roll that was pending for a while."""
        spec, cache = self._front_state.front.spec, self._run_context.cache
        bars = [
            cache.bar(BarType.from_str(f"{contract}-{spec}-EXTERNAL"))
            for contract in (point.before, point.after)
        ]
        return tuple(decimal(bar.close) for bar in bars) if all(bars) else point.prices

    def _record_roll(self, rolled: Rolled, legs: tuple[Any, Any], net: Any, enters: bool) -> None:
        recorder, bar_ts = self._run_context.recorder, rolled.at
        orders = legs if enters else legs[:1]
        body = {
            "strategy": self.strategy_id.value,
            "contracts": str(net),
            "before": rolled.before,
            "after": rolled.after,
            "prices": [str(price) for price in rolled.prices or ()],
            "reason": rolled.reason,
            "outcome": "rolled" if enters else "flat",
            "orders": [order.client_order_id.value for order in orders],
        }
        recorder.numbered(FactKind.ROLL, bar_ts, "roll", None, body)


def host_on_front(author: Any, context: RunContext, front_state: FrontState) -> Any:
    """Return the class that runs in place of the author's strategy on a root."""
    body = {
        name: _hide_roll_orders(method, front_state)
        for name, method in callbacks(author, FollowingStrategy).items()
        if name.startswith(("on_order", "on_position"))
    }

    def on_start(self: Any) -> None:
        for source in front_state.sources:
            if context.cache.instrument(source.instrument_id) is not None:
                Strategy.subscribe_bars(self, source)
                context.dispatcher.subscribe("on_bar", source, self)
        context.liquidator.track(front_state.id)
        author.on_start(self)

    def on_front(self: Any, bar: Bar) -> None:
        for indicator in front_state.indicators:
            indicator.handle_bar(bar)
        if bar.ts_event >= front_state.next_at:
            self.handle_roll_points(bar)
        if front_state.wants_bars:
            author.on_bar(self, bar)

    body |= {"on_start": on_start, "_front_state": front_state, "__module__": author.__module__}
    hosted: Any = host(type(author.__name__, (author,), body), context, FollowingStrategy)
    bar_check = None if context.needs_bars else context.liquidator
    hosted.on_bar = _receive_contracts(
        hosted.on_bar, guarded(on_front, context.exception_trap, bar_check), front_state
    )
    return hosted


def _receive_contracts(on_bar: Any, on_front: Any, front_state: FrontState) -> Any:
    """Return the `on_bar` for the bars of every contract.

    It passes the front's bars to `on_front`, and to `on_bar` those that the author subscribed to.
    """

    def receive(self: Any, bar: Bar) -> None:
        kind = bar.bar_type
        if front_state.other_bars and kind in front_state.other_bars:
            on_bar(self, bar)
        if kind == front_state.source and bar.ts_event >= front_state.since:
            on_front(self, front_state.next_bar())

    return receive


def _hide_roll_orders(method: Any, front_state: FrontState) -> Any:
    """Wrap a callback so that it is not called for the roll's own orders."""

    def call(self: Any, event: Any) -> None:
        if not front_state.hides(event):
            method(self, event)

    return call
