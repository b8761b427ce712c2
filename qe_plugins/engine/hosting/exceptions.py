"""Record the first exception of user code and stop the engine; guarded callbacks and clocks.

Nautilus swallows what callbacks raise, in backtest and live. Here every callback is wrapped, so
that an exception ends the run.
"""

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
"""Methods of a clock that take callbacks as arguments."""

NO_EVENT = object()
"""The event of a callback that has none, such as `on_start`."""


class BarCheck(Protocol):
    """A check that runs before a component's `on_bar`, while it is `active`."""

    active: bool

    def on_bar(self, bar: Any, /) -> None:
        """Check the account at a bar."""


class ExceptionTrap:
    """Stores the first exception of user code until the runner raises it again.

    `current_event` is the event that user code is handling at this moment, None between events;
    `deferred` are functions to call when the outermost callback returns.
    """

    __slots__ = ("_draining", "current_event", "deferred", "failure")

    def __init__(self) -> None:
        self.current_event: object = None
        self.deferred: deque[Callable[[], None]] = deque()
        self._draining = False
        self.failure: BaseException | None = None

    def record(self, component: Any, error: BaseException, event: object) -> None:
        """Store `error`, raised by `component` while it handled `event`; stop the engine."""
        if self.failure is None and isinstance(error, QeError | KeyboardInterrupt):
            self.failure = error
        elif self.failure is None:
            who = f"{type(component).__module__}:{type(component).__qualname__}"
            self.failure = StrategyError(
                who,
                error,
                at=describe_event(event),
                details="".join(traceback.format_exception(error)).rstrip(),
            )
        component.shutdown_system(named(error))

    def run_deferred(self) -> None:
        """Call the deferred functions, and those that they defer, one after the other."""
        if not self._draining:
            self._draining = True
            while self.deferred:
                self.deferred.popleft()()
            self._draining = False

    def reraise(self) -> None:
        """Raise the stored exception, if any. Call after every chunk of a run."""
        if self.failure is not None:
            raise self.failure


def describe_event(event: object) -> str:
    """Return the kind, time (UTC) and text of an event; `start-up` for NO_EVENT."""
    ts = getattr(event, "ts_event", None)
    when = f" of {datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M:%S}Z" if ts else ""
    return f"{type(event).__name__}{when} ({event})" if event is not NO_EVENT else "start-up"


def guarded(
    method: Callable[..., Any], trap: ExceptionTrap, bar_check: BarCheck | None = None
) -> Callable[..., Any]:
    """Return a callback that calls `method` and records what it raises in `trap`.

    While `bar_check` is active it runs first.
    """

    def call(self: Any, event: Any = NO_EVENT) -> Any:
        outer, trap.current_event = trap.current_event, event
        try:
            if bar_check is not None and bar_check.active:
                bar_check.on_bar(event)
            return method(self) if event is NO_EVENT else method(self, event)
        except BaseException as error:
            trap.record(self, error, event)
            raise
        finally:
            trap.current_event = outer
            if trap.deferred and outer is None:
                trap.run_deferred()

    return call


class GuardedClock:
    """A component's clock. Exceptions of its timers' callbacks are recorded in `trap`."""

    def __init__(self, clock: Any, component: Any, trap: ExceptionTrap) -> None:
        self._clock, self._component, self._trap = clock, component, trap

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._clock, name)
        if name in CLOCK_CALLBACKS:
            return functools.partial(self._set_callback, attribute)
        return attribute

    def _set_callback(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args = tuple(self.guard(a) if callable(a) else a for a in args)
        kwargs = {k: self.guard(v) if callable(v) else v for k, v in kwargs.items()}
        return method(*args, **kwargs)

    def guard(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return `callback`, with what it raises recorded as the component's exception."""
        method = guarded(lambda _component, *event: callback(*event), self._trap)
        return functools.partial(method, self._component)
