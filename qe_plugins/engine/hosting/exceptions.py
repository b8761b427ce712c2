"""Make every exception loud: the engine swallows what callbacks raise, in backtest and live."""

from __future__ import annotations

import functools
import traceback
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from qe_plugins.errors import QeError, StrategyError
from qe_plugins.safe_text import named

CLOCK_CALLBACKS = frozenset(
    {
        "register_default_handler",
        "set_time_alert",
        "set_time_alert_ns",
        "set_timer",
        "set_timer_ns",
        "set_timer_zoned",
    }
)

NOTHING = object()
"""What is being handled in a callback without an event, such as `on_start`."""


class BarCheck(Protocol):
    """Looks at what is about to be handled, while it is `watching`."""

    watching: bool

    def check(self, event: Any, /) -> None:
        """Look at an event."""


class ExceptionTrap:
    """Keeps the first exception of user code until the runner raises it.

    `handling` is the event that user code is handling at this moment, None between events;
    `waiting` is to be done when the outermost callback returns.
    """

    __slots__ = ("_draining", "failure", "handling", "waiting")

    def __init__(self) -> None:
        self.handling: object = None
        self.waiting: deque[Callable[[], None]] = deque()
        self._draining = False
        self.failure: BaseException | None = None

    def ring(self, component: Any, error: BaseException, event: object) -> None:
        """Remember `error`, raised by `component` while it handled `event`; stop the engine."""
        if self.failure is None and isinstance(error, QeError | KeyboardInterrupt):
            self.failure = error
        elif self.failure is None:
            who = f"{type(component).__module__}:{type(component).__qualname__}"
            self.failure = StrategyError(
                who,
                error,
                at=describe(event),
                details="".join(traceback.format_exception(error)).rstrip(),
            )
        component.shutdown_system(named(error))

    def drain(self) -> None:
        """Do what waits, and what comes to wait meanwhile, one after the other."""
        if not self._draining:
            self._draining = True
            while self.waiting:
                self.waiting.popleft()()
            self._draining = False

    def check(self) -> None:
        """Raise what was remembered. Call after every piece of a run."""
        if self.failure is not None:
            raise self.failure


def describe(event: object) -> str:
    """Say which event was being handled: its kind, its time, the event itself."""
    ts = getattr(event, "ts_event", None)
    when = f" of {datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M:%S}Z" if ts else ""
    return f"{type(event).__name__}{when} ({event})" if event is not NOTHING else "start-up"


def guarded(
    method: Callable[..., Any], alarm: ExceptionTrap, watch: BarCheck | None = None
) -> Callable[..., Any]:
    """Wrap a callback: what it raises rings the alarm, which knows the event being handled.

    A `watch` looks at the event first, while it is watching.
    """

    def call(self: Any, event: Any = NOTHING) -> Any:
        outer, alarm.handling = alarm.handling, event
        try:
            if watch is not None and watch.watching:
                watch.check(event)
            return method(self) if event is NOTHING else method(self, event)
        except BaseException as error:
            alarm.ring(self, error, event)
            raise
        finally:
            alarm.handling = outer
            if alarm.waiting and outer is None:
                alarm.drain()

    return call


class GuardedClock:
    """A component's clock whose timers cannot fail in silence."""

    def __init__(self, clock: Any, component: Any, alarm: ExceptionTrap) -> None:
        self._clock, self._component, self._alarm = clock, component, alarm

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._clock, name)
        if name in CLOCK_CALLBACKS:
            return functools.partial(self._set, attribute)
        return attribute

    def _set(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args = tuple(self.loud(a) if callable(a) else a for a in args)
        kwargs = {k: self.loud(v) if callable(v) else v for k, v in kwargs.items()}
        return method(*args, **kwargs)

    def loud(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return `callback`, ringing the alarm when it raises."""
        method = guarded(lambda _component, *event: callback(*event), self._alarm)
        return functools.partial(method, self._component)
