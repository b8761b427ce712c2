"""Fill stop-limit orders that a bar runs through, on the way, as an exchange would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderType
from nautilus_trader.trading import Strategy

if TYPE_CHECKING:
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars
    from qe_plugins.engine.simulation.fill_model import SlippageFillModel


class StopLimitWatch:
    """Looks at each bar just before it trades, for the stop-limit orders that work then.

    The engine fills a stop-limit only at a price of the bar, and the bar's last extreme may lie
    beyond its limit. Such an order gets a limit within reach for that bar; the fill model still
    holds it to its own. Strategies do not receive that change.
    """

    def __init__(self, cache: Any, clock: Any, bars: ChunkBars, model: SlippageFillModel) -> None:
        self._cache, self._clock, self._bars, self._model = cache, clock, bars, model
        self._working: dict[Any, dict[Any, Any]] = {}
        self._due: dict[Any, int] = {}

    def watch(self, trader: Any, orders: list[Any]) -> None:
        """Take the orders that a strategy has sent."""
        for order in orders:
            if order.order_type == OrderType.STOP_LIMIT:
                contract = order.instrument_id
                self._working.setdefault(contract, {})[order.client_order_id] = trader
                self._set(contract, self._clock.timestamp_ns())

    def repriced(self, client_order_id: Any) -> bool:
        """Say whether an order got another limit here."""
        return self._model.is_repriced(client_order_id)

    def schedule(self) -> None:
        """Look at the next bar of every contract with such orders. Call once a chunk."""
        for contract in self._working:
            self._set(contract, self._clock.timestamp_ns())

    def _set(self, contract: Any, after: int) -> None:
        """Have the contract's first bar that closes after a moment looked at, once."""
        bar = self._bars.following(str(contract), after)
        if bar is None or bar.ts - 1 <= after or self._due.get(contract) == bar.ts:
            return
        self._due[contract] = bar.ts
        name = f"STOP-LIMIT-{contract}-{bar.ts}"
        self._clock.set_time_alert_ns(name, bar.ts - 1, lambda _event: self._look(contract))

    def _look(self, contract: Any) -> None:
        bar = self._bars.following(str(contract), self._clock.timestamp_ns())
        instrument, left = self._cache.instrument(contract), {}
        for name, trader in self._working[contract].items():
            order = self._cache.order(name)
            if order is None or order.is_closed:
                continue
            left[name] = trader
            if bar is None or not order.is_open or order.is_triggered:
                continue
            price = self._model.runs_through(order, instrument, bar)
            if price is not None:
                Strategy.modify_order(trader, name, price=price)
        self._working[contract] = left
        if left and bar is not None:
            self._set(contract, bar.ts)
