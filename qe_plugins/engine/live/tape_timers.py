"""Timers of a session's components that go by the tape: they fire in order, between its records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from nautilus_trader.common import TimeEvent
from nautilus_trader.core import UUID4

from qe_plugins.data.catalog.selection import nanoseconds
from qe_plugins.errors import RunError

SECOND = 1_000_000_000


class Timer:
    """One timer of a component: next at `at`, every `interval` (0: once), until `stop`."""

    __slots__ = ("at", "call", "interval", "name", "order", "stop")

    def __init__(
        self, name: str, at: int, interval: int, stop: int | None, call: Callable[[Any], None]
    ) -> None:
        self.name, self.at, self.interval, self.stop, self.call = name, at, interval, stop, call
        self.order = 0


class TapeTimers:
    """The timers of all components. `set_clock` sets the process's clock to a moment."""

    def __init__(self, set_clock: Callable[[int], None]) -> None:
        self._set_clock = set_clock
        self._clocks: dict[int, TapeClock] = {}
        self._numbers = count()

    def clock(self, component: Any, engine_clock: Any) -> TapeClock:
        """Return the clock of a component, in place of the engine's."""
        found = self._clocks.get(id(component))
        if found is None:
            found = self._clocks[id(component)] = TapeClock(component, engine_clock, self._numbers)
        return found

    def next(self) -> int | None:
        """Return when the next timer fires (UTC nanoseconds), None without any."""
        timers = (one for clock in self._clocks.values() for one in clock.timers)
        return min((one.at for one in timers), default=None)

    def fire(self, now: int) -> None:
        """Fire the timers that are due at `now` (UTC nanoseconds), and set the clock to it."""
        self._set_clock(now)
        due = [(one, clock) for clock in self._clocks.values() for one in clock.timers]
        for one, clock in sorted(due, key=lambda pair: (pair[0].at, pair[0].order)):
            if one.at <= now and clock.has(one):
                clock.fire(one, now)


class TapeClock:
    """A component's clock: time is the engine's, timers are those of the tape."""

    def __init__(self, component: Any, engine_clock: Any, numbers: Any) -> None:
        self._component, self._clock, self._numbers = component, engine_clock, numbers
        self._timers: dict[str, Timer] = {}
        self._default: Callable[[Any], None] | None = None

    @property
    def timers(self) -> list[Timer]:
        """Return the active timers."""
        return list(self._timers.values())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def timer_names(self) -> list[str]:
        """Return the names of the active timers."""
        return list(self._timers)

    def timer_count(self) -> int:
        """Return the number of active timers."""
        return len(self._timers)

    def next_time_ns(self, name: str) -> int | None:
        """Return when a timer fires next (UTC nanoseconds), None for an unknown name."""
        timer = self._timers.get(name)
        return None if timer is None else timer.at

    def register_default_handler(self, callback: Callable[[Any], None]) -> None:
        """Have timers without a callback call this one."""
        self._default = callback

    def cancel_timer(self, name: str) -> None:
        """Remove a timer, if there is one of the name."""
        self._timers.pop(name, None)

    def cancel_timers(self) -> None:
        """Remove every timer."""
        self._timers.clear()

    def set_time_alert(
        self,
        name: str,
        alert_time: datetime,
        callback: Callable[[Any], None] | None = None,
        allow_past: bool | None = None,
    ) -> None:
        """Call back once at a time."""
        self.set_time_alert_ns(name, nanoseconds(alert_time), callback, allow_past)

    def set_time_alert_ns(
        self,
        name: str,
        alert_time_ns: int,
        callback: Callable[[Any], None] | None = None,
        allow_past: bool | None = None,
    ) -> None:
        """Call back once at a time (UTC nanoseconds). Raises ValueError as Nautilus does."""
        now = self._clock.timestamp_ns()
        if alert_time_ns < now and allow_past is False:
            raise ValueError(f"alert time of {name} was in the past")
        self._add(Timer(name, max(alert_time_ns, now), 0, None, self._call(callback)))

    def set_timer(
        self,
        name: str,
        interval: timedelta,
        start_time: datetime | None = None,
        stop_time: datetime | None = None,
        callback: Callable[[Any], None] | None = None,
        allow_past: bool | None = None,
        fire_immediately: bool | None = None,
    ) -> None:
        """Call back every interval."""
        start, stop = (None if one is None else nanoseconds(one) for one in (start_time, stop_time))
        length = round(interval.total_seconds() * SECOND)
        self.set_timer_ns(name, length, start, stop, callback, allow_past, fire_immediately)

    def set_timer_ns(
        self,
        name: str,
        interval_ns: int,
        start_time_ns: int | None = None,
        stop_time_ns: int | None = None,
        callback: Callable[[Any], None] | None = None,
        allow_past: bool | None = None,
        fire_immediately: bool | None = None,
    ) -> None:
        """Call back every so many nanoseconds. Raises ValueError as Nautilus does."""
        if interval_ns <= 0:
            raise ValueError(f"the interval of {name} must be positive, was {interval_ns}")
        now = self._clock.timestamp_ns()
        start = start_time_ns or now
        first = start if fire_immediately else start + interval_ns
        if first < now:
            if allow_past is False:
                raise ValueError(f"the first time of {name} was in the past")
            first += -(-(now - first) // interval_ns) * interval_ns
        if stop_time_ns is not None and first > stop_time_ns:
            raise ValueError(f"{name} would stop before it fires")
        self._add(Timer(name, first, interval_ns, stop_time_ns, self._call(callback)))

    def set_timer_zoned(self, name: str, *_args: Any, **_kwargs: Any) -> None:
        """Raise RunError: the engine alone knows the calendar of such a timer."""
        raise RunError(
            f"timer {name} goes by a zone's calendar, which a replay on a live node does not have.",
            hint="Use `--engine stream`.",
        )

    def has(self, timer: Timer) -> bool:
        """Return whether a timer is still active."""
        return self._timers.get(timer.name) is timer

    def fire(self, timer: Timer, now: int) -> None:
        """Call back, and set the timer to its next time."""
        at, timer.at = timer.at, timer.at + timer.interval
        if not timer.interval or (timer.stop is not None and timer.at > timer.stop):
            del self._timers[timer.name]
        timer.call(TimeEvent(timer.name, UUID4(), at, now))

    def _add(self, timer: Timer) -> None:
        timer.order = next(self._numbers)
        self._timers[timer.name] = timer

    def _call(self, callback: Callable[[Any], None] | None) -> Callable[[Any], None]:
        if callback is not None:
            return callback
        return self._default or self._component.on_time_event
