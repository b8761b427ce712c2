"""Guarded clock, log and cache of a hosted component; subscriptions through the dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from qe_plugins.engine.hosting.exceptions import GuardedClock
from qe_plugins.engine.recording.run_log import ComponentLog

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext


class Guarded:
    """A component whose timers' exceptions are recorded, and whose cache shows one account."""

    _run_context: ClassVar[RunContext]

    @property
    def clock(self) -> Any:
        clock = super().clock  # type: ignore[misc]  # the engine's class comes after this one
        context = self._run_context
        if context.timers is not None:
            clock = context.timers.clock(self, clock)
        return GuardedClock(clock, self, context.exception_trap)

    @property
    def log(self) -> Any:
        return ComponentLog(self)

    @property
    def cache(self) -> Any:
        return self._run_context.cache_view


def _subscription(
    data: str, callback: str, key: Callable[[Any], Any] = lambda subscribed: subscribed
) -> Any:
    """Return `subscribe_<data>` and `unsubscribe_<data>`, which notify the dispatcher.

    `key` returns the key under which the dispatcher finds the events of a subscription.
    """

    def subscribe(self: Any, subscribed: Any, *args: Any, **kwargs: Any) -> None:
        engine_method = getattr(super(DispatchedSubscriptions, self), f"subscribe_{data}")
        engine_method(subscribed, *args, **kwargs)
        self._run_context.dispatcher.subscribe(callback, key(subscribed), self)

    def unsubscribe(self: Any, subscribed: Any, *args: Any, **kwargs: Any) -> None:
        engine_method = getattr(super(DispatchedSubscriptions, self), f"unsubscribe_{data}")
        engine_method(subscribed, *args, **kwargs)
        self._run_context.dispatcher.unsubscribe(callback, key(subscribed), self)

    return subscribe, unsubscribe


class DispatchedSubscriptions(Guarded):
    """A component that receives events in its rank's turn.

    Subscribing to bars that are not in the data raises DataError: the strategy would wait for them
    in vain.
    """

    _subscribe_bars, unsubscribe_bars = _subscription(
        "bars", "on_bar", lambda bar_type: bar_type.standard()
    )
    subscribe_quotes, unsubscribe_quotes = _subscription("quotes", "on_quote")
    subscribe_trades, unsubscribe_trades = _subscription("trades", "on_trade")
    subscribe_data, unsubscribe_data = _subscription("data", "on_data")

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        self._run_context.available_data.check_bars(str(bar_type), type(self).__name__)
        self._run_context.request_front_bars(bar_type.instrument_id)
        self._subscribe_bars(bar_type, *args, **kwargs)
