"""Warm-up of a session: history first, then the stream, and each bar counts once.

Nautilus 2.0.0rc7 updates registered indicators with every historical bar, also with one that had
not closed, and its cache drops history that is older than a streamed bar. So a component's
subscription waits for the answer to its request, and its indicators are fed here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from nautilus_trader.model import Bar

LOG = logging.getLogger(__name__)
SECOND = 1_000_000_000


class BarCount:
    """Counts the bars of one type once, by their close, whether history or the stream has them.

    `last` is the close of the last bar counted (UTC nanoseconds). Bars never go back in time.
    """

    def __init__(self, length: int) -> None:
        self.length, self.last = length, 0

    def history(self, bars: Iterable[Bar], asked_at: int) -> list[Bar]:
        """Return the bars to count, oldest first: closed when they were asked for, and new."""
        closed = {bar.ts_event: bar for bar in bars if self.last < bar.ts_event <= asked_at}
        counted = [closed[ts] for ts in sorted(closed)]
        if counted:
            self.last = counted[-1].ts_event
        return counted

    def streamed(self, bar: Bar) -> bool:
        """Return whether a streamed bar is to be counted."""
        if bar.ts_event <= self.last:
            return False
        self.last = bar.ts_event
        return True

    def last_close(self, now: int) -> int:
        """Return when the last bar closed, or could have, up to `now`."""
        return now // self.length * self.length


class WarmUp:
    """The requests of all components of a session. Trading is allowed once none is `pending`.

    `count` is how many bars each of them asks for; `on_history` is called with a component, a bar
    type and the bars of its history that it has received.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.on_history: Callable[[Any, Any, Sequence[Any]], object] = lambda *_: None
        self._asked: dict[tuple[int, str], int] = {}

    @property
    def pending(self) -> list[str]:
        """Return the bar types whose history has not come, each once."""
        return sorted({bar_type for _, bar_type in self._asked})

    def asked(self, component: Any, bar_type: Any, now: int) -> None:
        """Note a request, or one more of the same."""
        self._asked.setdefault((id(component), str(bar_type)), now)

    def answered(self, component: Any, bar_type: Any) -> None:
        """Note that a component has its history."""
        self._asked.pop((id(component), str(bar_type)), None)

    def refusal(self) -> str:
        """Return why no risk may be added yet, empty where it may."""
        waits = ", ".join(self.pending)
        return f"the session is warming up: no history yet of {waits}" if waits else ""

    def overdue(self, now: int, limit: float) -> list[str]:
        """Return the bar types that were asked for more than `limit` seconds ago."""
        late = {name for (_, name), at in self._asked.items() if now - at > limit * SECOND}
        return sorted(late)


def warmed(strategy: type, warm_up: WarmUp) -> Any:
    """Return a subclass of a strategy, hosted or not, that warms up before it receives bars.

    Each `subscribe_bars` of closed bars first requests `warm_up.count` of them. Its indicators and
    `on_historical_bars` receive those that had closed when they were asked for, then the
    subscription begins. A bar that comes again is not counted again.
    """
    body = {"_warm_up": warm_up, "__module__": strategy.__module__}
    return type(strategy.__name__, (_Warmed, strategy), body | _callbacks(strategy))


class _Warmed:
    _warm_up: ClassVar[WarmUp]
    clock: Any

    def subscribe_bars(self, bar_type: Any, *args: Any, **kwargs: Any) -> None:
        state = _state_of(self)
        if not self._warm_up.count or not bar_type.is_externally_aggregated():
            super().subscribe_bars(bar_type, *args, **kwargs)  # type: ignore[misc]
            return
        if bar_type not in state.waiting:
            length = int(bar_type.spec.timedelta.total_seconds()) * SECOND
            state.counts.setdefault(bar_type, BarCount(length))
            state.waiting[bar_type] = args, kwargs
            self._request_history(bar_type)

    def register_indicator_for_bars(self, bar_type: Any, indicator: Any) -> None:
        _state_of(self).indicators.setdefault(bar_type, []).append(indicator)

    def registered_indicators(self) -> list[Any]:
        return [one for each in _state_of(self).indicators.values() for one in each]

    def indicators_initialized(self) -> bool:
        return all(one.initialized for one in self.registered_indicators())

    def _request_history(self, bar_type: Any) -> None:
        """Ask for the bars up to the last close, after the first answer for those since then."""
        state, now = _state_of(self), self.clock.timestamp_ns()
        count = state.counts[bar_type]
        end = count.last_close(now)
        missing = (end - count.last) // count.length if count.last else self._warm_up.count
        state.asked_at[bar_type] = end
        self._warm_up.asked(self, bar_type, now)
        until = datetime.fromtimestamp(end // SECOND, UTC)
        limit = min(missing, self._warm_up.count)
        self.request_bars(bar_type, end=until, limit=limit)  # type: ignore[attr-defined]

    def _begin_stream(self, bar_type: Any) -> None:
        state = _state_of(self)
        args, kwargs = state.waiting.pop(bar_type)
        super().subscribe_bars(bar_type, *args, **kwargs)  # type: ignore[misc]
        self._warm_up.answered(self, bar_type)


class _ComponentState:
    """What one component waits for, and what it has counted."""

    def __init__(self) -> None:
        self.waiting: dict[Any, tuple[Any, Any]] = {}
        self.asked_at: dict[Any, int] = {}
        self.counts: dict[Any, BarCount] = {}
        self.indicators: dict[Any, list[Any]] = {}

    def feed(self, bar_type: Any, bars: Sequence[Any]) -> None:
        for indicator in self.indicators.get(bar_type, ()):
            for bar in bars:
                indicator.handle_bar(bar)


def _state_of(component: Any) -> _ComponentState:
    """Return a component's state; its author's `__init__` may not call that of its parents."""
    try:
        state: _ComponentState = component._warm_up_state
    except AttributeError:
        state = component._warm_up_state = _ComponentState()
    return state


def _callbacks(strategy: Any) -> dict[str, Any]:
    """Return the callbacks that count bars, then call the strategy's."""

    def on_historical_bars(self: Any, bars: Sequence[Any]) -> None:
        state = _state_of(self)
        bar_type = bars[0].bar_type if bars else _only(state.waiting)
        if bar_type not in state.waiting:
            strategy.on_historical_bars(self, bars)  # the author's own request
            return
        count = state.counts[bar_type]
        counted = count.history(bars, state.asked_at[bar_type])
        if dropped := len(bars) - len(counted):
            LOG.info("%s: %d bars of history were not closed or known", bar_type, dropped)
        state.feed(bar_type, counted)
        if counted:
            self._warm_up.on_history(self, bar_type, counted)
            strategy.on_historical_bars(self, counted)
        if count.last_close(self.clock.timestamp_ns()) > state.asked_at[bar_type]:
            self._request_history(bar_type)  # a bar has closed since
        else:
            self._begin_stream(bar_type)

    def on_bar(self: Any, bar: Any) -> None:
        state = _state_of(self)
        count = state.counts.get(bar.bar_type)
        if count is not None and not count.streamed(bar):
            return
        state.feed(bar.bar_type, (bar,))
        strategy.on_bar(self, bar)

    return {"on_historical_bars": on_historical_bars, "on_bar": on_bar}


def _only(waiting: dict[Any, Any]) -> Any:
    """Return the type that an empty answer is about, where there is only one."""
    return next(iter(waiting)) if len(waiting) == 1 else None
