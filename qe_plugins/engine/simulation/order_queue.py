"""Hold orders that cannot trade yet, and send them when they can.

An order that would trade or trigger at once waits while its market is closed, while the last price
is stale, or while the run fills market orders at the next open. It reaches the exchange with the
next opening price, before the rest of that bar trades, or with the close of a bar that closes at
the moment it is sent. Orders that rest are sent to the exchange at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, ExecAlgorithmId, OptionContract
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

from qe_plugins.engine.contracts.order_copies import rebuilt
from qe_plugins.engine.simulation.execution_bars import opening_types
from qe_plugins.engine.simulation.fill_attempt import TRAILING, expiry_of
from qe_plugins.engine.simulation.market_state import SECOND, MarketState
from qe_plugins.engine.simulation.order_terms import (
    acts_at_price,
    at_quoted_size,
    good_till,
    is_beyond,
    never_rests,
    rests_for_day,
    with_trigger,
)

QUEUE = ExecAlgorithmId("QUEUE")


@dataclass
class HeldOrder:
    """An order that waits `since` a moment (UTC nanoseconds).

    `at_close` says that it goes with the bar that closes at that moment. `send` sends an order that
    the engine does not have yet.
    """

    order: Any
    since: int
    at_close: bool
    send: Callable[[], None] | None = None


class OrderQueue(ExecutionAlgorithm):
    """Holds orders that must wait; the engine lists and cancels them like any other order.

    `stale` counts the orders that waited because the price was stale.
    """

    def __init__(self, market: MarketState) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id=QUEUE.value))
        self._market = market
        self._waiting: dict[Any, list[HeldOrder]] = {}
        self.stale = 0
        self.listener = OpeningListener()
        self.listener.queue = self

    def prepared(self, order: Any, ts: int) -> Any:
        """Return an order on terms that the engine can simulate; `ts` is now (UTC ns)."""
        contract = order.instrument_id
        instrument = self._market.cache.instrument(contract)
        if instrument is None:
            return order
        if isinstance(instrument, OptionContract):
            order = at_quoted_size(order)
        if order.order_type in TRAILING:
            known = self._market.price(contract, ts, buys=order.is_buy)
            if known is not None:
                order = with_trigger(order, known[0], instrument.price_increment)
        if rests_for_day(order):
            ends = self._market.session_ends(contract, ts)
            order = order if ends is None else good_till(order, ends)
        return order

    def must_wait(self, order: Any, ts: int) -> bool:
        """Return whether an order cannot reach the market at `ts` (UTC nanoseconds)."""
        contract = order.instrument_id
        later = self._market.waits_for_open(contract) or self._market.closes_now(contract, ts)
        if not never_rests(order):
            known = self._market.price(contract, ts, buys=order.is_buy)
            price = None if known is None else known[0]
            if not acts_at_price(order, price, limits=later):
                return False
        if later:
            return True
        if self._market.is_tradable(contract, ts):
            return False
        if self._market.is_open(contract, ts):
            self.stale += 1
        return True

    def crosses(self, order: Any, trigger: Any, ts: int) -> bool:
        """Return whether the market has reached `trigger` for an order."""
        known = self._market.price(order.instrument_id, ts, buys=order.is_buy)
        return known is not None and is_beyond(order, trigger, known[0])

    def for_queue(self, order: Any) -> Any:
        """Return a copy of an order that the engine sends to this queue."""
        return rebuilt(order, exec_algorithm_id=QUEUE, exec_spawn_id=order.client_order_id)

    def waiting(self, contract: Any, strategy: Any) -> list[Any]:
        """Return a strategy's waiting orders in a contract, oldest first."""
        orders = [one.order for one in self._waiting.get(contract, ())]
        return [order for order in orders if order.strategy_id == strategy]

    def all_waiting(self) -> list[Any]:
        """Return every waiting order."""
        return [one.order for waiting in self._waiting.values() for one in waiting]

    def discard(self, client_order_id: Any) -> None:
        """Drop a waiting order: it is never sent."""
        for waiting in self._waiting.values():
            waiting[:] = [one for one in waiting if one.order.client_order_id != client_order_id]

    def hold(self, order: Any, send: Callable[[], None]) -> None:
        """Hold an order that the engine does not have yet; `send` is called when it can trade."""
        self._hold([order], send)

    def on_order(self, order: Any) -> None:
        self._hold([order])

    def on_order_list(self, order_list: Any, orders: Any) -> None:
        self._hold(orders)

    def opened(self, contract: Any, ts: int, began: int) -> None:
        """Send the orders that have waited since `began`: the next price is the opening price."""
        self._send(contract, ts, lambda held: not held.at_close and held.since <= began)

    def traded(self, contract: Any, ts: int) -> None:
        """Send the waiting orders of a contract that has traded, at a close or a quote."""
        self._send(
            contract,
            ts,
            lambda held: (
                held.at_close or (held.since < ts and not self._market.waits_for_open(contract))
            ),
        )

    def _hold(self, orders: Iterable[Any], send: Callable[[], None] | None = None) -> None:
        now = self.clock.timestamp_ns() if self.clock is not None else 0
        for order in orders:
            contract = order.instrument_id
            opens = self._market.waits_for_open(contract)
            at_close = not opens and self._market.closes_now(contract, now)
            self._waiting.setdefault(contract, []).append(HeldOrder(order, now, at_close, send))
            self.listener.listen(contract, self._bar_types(contract))

    def _send(self, contract: Any, ts: int, due: Callable[[HeldOrder], bool]) -> None:
        waiting = self._waiting.get(contract, [])
        self._waiting[contract] = [one for one in waiting if not due(one)]
        for one in waiting:
            if due(one):
                self._release(one, ts)
        if not self._waiting[contract]:
            del self._waiting[contract]
            self.listener.stop_listening(contract, self._bar_types(contract))

    def _release(self, held: HeldOrder, ts: int) -> None:
        if held.send is not None:
            held.send()
            return
        cached: Any = self._market.cache.order(held.order.client_order_id)
        if cached is None or cached.is_closed:
            return
        expires = expiry_of(cached)
        if expires is not None and expires < ts:
            self.cancel_order(cached)
        else:
            self.submit_order(cached)

    def _bar_types(self, contract: Any) -> list[Any]:
        bars, name = self._market.bars, str(contract)
        if bars is None or not self._market.has_bars(contract):
            return []
        return [*opening_types(bars.types[name]), bars.parsed[name]]


class OpeningListener(DataActor):
    """Receives the prices at which queued orders can trade, while any order waits."""

    queue: OrderQueue

    def __init__(self) -> None:
        super().__init__()
        self._contracts: dict[Any, Any] = {}

    def listen(self, contract: Any, bar_types: list[Any]) -> None:
        """Subscribe to a contract's bars, or to its quotes and trades where there are none."""
        if contract in self._contracts:
            return
        self._contracts[contract] = bar_types[-1] if bar_types else None
        for bar_type in bar_types:
            self.subscribe_bars(bar_type)
        if not bar_types:
            self.subscribe_quotes(contract)
            self.subscribe_trades(contract)

    def stop_listening(self, contract: Any, bar_types: list[Any]) -> None:
        """Unsubscribe from the data that `listen` subscribed to."""
        if self._contracts.pop(contract, self) is self:
            return
        for bar_type in bar_types:
            self.unsubscribe_bars(bar_type)
        if not bar_types:
            self.unsubscribe_quotes(contract)
            self.unsubscribe_trades(contract)

    def on_bar(self, bar: Bar) -> None:
        contract = bar.bar_type.instrument_id
        if bar.bar_type == self._contracts.get(contract):
            self.queue.traded(contract, bar.ts_init)
        else:
            self.queue.opened(contract, bar.ts_init, self._began(contract, bar.ts_init))

    def on_quote(self, quote: Any) -> None:
        self.queue.traded(quote.instrument_id, quote.ts_init)

    def on_trade(self, trade: Any) -> None:
        self.queue.traded(trade.instrument_id, trade.ts_init)

    def _began(self, contract: Any, ts: int) -> int:
        spec = self._contracts[contract].spec
        return ts - int(spec.timedelta.total_seconds() * SECOND)
