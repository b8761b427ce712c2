"""Fill stop-limit orders whose trigger and limit a bar runs through, as an exchange would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderType
from nautilus_trader.trading import Strategy

if TYPE_CHECKING:
    from qe_plugins.engine.simulation.chunk_bars import ChunkBars
    from qe_plugins.engine.simulation.fill_model import SlippageFillModel


class StopLimitWatch:
    """Checks the working stop-limit orders of a contract just before its next bar trades.

    The engine fills a stop-limit only at one of the bar's four prices, and those after the trigger
    may lie beyond the limit. Such an order is repriced within reach for that bar; the fill model
    still fills it within its own limit. The repricing is hidden from strategies.
    """

    def __init__(self, cache: Any, clock: Any, bars: ChunkBars, model: SlippageFillModel) -> None:
        self._cache, self._clock, self._bars, self._model = cache, clock, bars, model
        self._working: dict[Any, dict[Any, Any]] = {}
        self._scheduled: dict[Any, int] = {}

    def watch(self, trader: Any, orders: list[Any]) -> None:
        """Watch the stop-limits among the orders that a strategy has sent."""
        for order in orders:
            if order.order_type == OrderType.STOP_LIMIT:
                contract = order.instrument_id
                self._working.setdefault(contract, {})[order.client_order_id] = trader
                self._schedule_check(contract, self._clock.timestamp_ns())

    def is_repriced(self, client_order_id: Any) -> bool:
        """Return whether an order was repriced here."""
        return self._model.is_repriced(client_order_id)

    def schedule(self) -> None:
        """Schedule the check of the next bar of every watched contract. Call once a chunk."""
        for contract in self._working:
            self._schedule_check(contract, self._clock.timestamp_ns())

    def _schedule_check(self, contract: Any, after: int) -> None:
        """Schedule one check just before the contract's first bar that closes after a moment."""
        bar = self._bars.following(str(contract), after)
        if bar is None or bar.ts - 1 <= after or self._scheduled.get(contract) == bar.ts:
            return
        self._scheduled[contract] = bar.ts
        name = f"STOP-LIMIT-{contract}-{bar.ts}"
        self._clock.set_time_alert_ns(name, bar.ts - 1, lambda _event: self._check_bar(contract))

    def _check_bar(self, contract: Any) -> None:
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
            self._schedule_check(contract, bar.ts)
