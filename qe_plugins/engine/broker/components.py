"""The session's own components in its node: the signal pipeline with history, and its actor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from nautilus_trader.common import DataActor
from nautilus_trader.model import BarType, InstrumentId, OrderFilled

from qe_plugins.engine.broker.supervision import Listeners, notify
from qe_plugins.engine.live.warm_up import SECOND, BarCount, WarmUp
from qe_plugins.engine.signals.session_pipeline import SessionPipeline

TICK = SECOND // 4
"""Nanoseconds between two ticks of a session: its screen, its supervisors, its status."""


class LivePipeline(SessionPipeline):
    """The signal pipeline of a live session: plugins have their history before the first bar.

    It takes the stream once the history is there, so that each bar counts once.
    """

    warm_up: WarmUp
    listeners: Listeners

    def on_start(self) -> None:
        self._counts: dict[BarType, BarCount] = {}
        self._asked_at: dict[BarType, int] = {}
        super().on_start()
        self._book_missed_fills()

    def _book_missed_fills(self) -> None:
        """Book what filled while no process was there: the engine has it of the broker."""
        context = self._run_context
        events = [event for order in context.cache.orders() for event in order.events()]
        fills = [event for event in events if isinstance(event, OrderFilled)]
        for event in sorted(fills, key=attrgetter("ts_event")):
            if context.trade_booker.on_fill(event):
                context.balance.on_fill(event)

    def _receive_bars(self) -> None:
        if not self.warm_up.count:
            super()._receive_bars()
            return
        for bar_type in self._bar_types:
            length = int(bar_type.spec.timedelta.total_seconds()) * SECOND
            self._counts[bar_type] = BarCount(length)
            self._request(bar_type, self.warm_up.count)

    def on_historical_bars(self, bars: Sequence[Any]) -> None:
        bar_type = bars[0].bar_type if bars else next(iter(self._asked_at), None)
        if bar_type not in self._asked_at:
            return
        count, asked = self._counts[bar_type], self._asked_at.pop(bar_type)
        counted = count.history(bars, asked)
        self.warm_up.on_history(self, bar_type, counted)
        for bar in counted:
            self.learn(bar)
        missing = (count.last_close(self.clock.timestamp_ns()) - asked) // count.length
        if missing > 0:  # bars have closed since
            self._request(bar_type, missing + 1)
            return
        self._subscribe([bar_type])
        self.warm_up.answered(self, bar_type)

    def on_bar(self, bar: Any) -> None:
        count = self._counts.get(bar.bar_type)
        if count is None or count.streamed(bar):
            notify(self.listeners.bars, bar)
            super().on_bar(bar)

    def _request(self, bar_type: BarType, count: int) -> None:
        now = self.clock.timestamp_ns()
        end = self._counts[bar_type].last_close(now)
        self._asked_at[bar_type] = end
        self.warm_up.asked(self, bar_type, now)
        self.request_bars(bar_type, end=datetime.fromtimestamp(end // SECOND, UTC), limit=count)


class SessionActor(DataActor):
    """Subscribes to the quotes of a session's contracts and calls `tick` four times a second."""

    contracts: Sequence[str]
    listeners: Listeners
    started: Callable[[Any], None]
    tick: Callable[[int], None]

    def on_start(self) -> None:
        for contract in self.contracts:
            self.subscribe_quotes(InstrumentId.from_str(contract))
        self.clock.set_timer_ns("TICK", TICK, callback=self._on_tick)
        type(self).started(self)

    def on_quote(self, quote: Any) -> None:
        notify(self.listeners.quotes, quote)

    def _on_tick(self, event: Any) -> None:
        type(self).tick(event.ts_event)
