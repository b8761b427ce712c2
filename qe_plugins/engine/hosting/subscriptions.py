"""What a hosted component has below its author's class: timers and ears that are not silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from qe_plugins.engine.hosting.exceptions import GuardedClock
from qe_plugins.engine.recording.run_log import ComponentLog

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext


class Guarded:
    """A component whose timers cannot fail in silence, and that sees one account."""

    _floor: ClassVar[RunContext]

    @property
    def clock(self) -> Any:
        engines_own = super().clock  # type: ignore[misc]  # the engine's class comes after this one
        return GuardedClock(engines_own, self, self._floor.alarm)

    @property
    def log(self) -> Any:
        return ComponentLog(self)

    @property
    def cache(self) -> Any:
        return self._floor.cache_view


def _subscription(what: str, callback: str, key: Callable[[Any], Any] = lambda to: to) -> Any:
    """Return `subscribe_<what>` and `unsubscribe_<what>`, which tell the circles of it.

    `key` makes of what is subscribed to what its events are known by.
    """

    def subscribe(self: Any, to: Any, *args: Any, **kwargs: Any) -> None:
        getattr(super(DispatchedSubscriptions, self), f"subscribe_{what}")(to, *args, **kwargs)
        self._floor.circles.join(callback, key(to), self)

    def unsubscribe(self: Any, to: Any, *args: Any, **kwargs: Any) -> None:
        getattr(super(DispatchedSubscriptions, self), f"unsubscribe_{what}")(to, *args, **kwargs)
        self._floor.circles.leave(callback, key(to), self)

    return subscribe, unsubscribe


class DispatchedSubscriptions(Guarded):
    """A component that hears in its turn, and waits for no bars that are not on the tape."""

    _subscribe_bars, unsubscribe_bars = _subscription("bars", "on_bar", lambda to: to.standard())
    subscribe_quotes, unsubscribe_quotes = _subscription("quotes", "on_quote")
    subscribe_trades, unsubscribe_trades = _subscription("trades", "on_trade")
    subscribe_data, unsubscribe_data = _subscription("data", "on_data")

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        self._floor.listings.check_bars(str(bar_type), type(self).__name__)
        self._floor.feed(bar_type.instrument_id)
        self._subscribe_bars(bar_type, *args, **kwargs)
