"""Call hooks against a deadline, so that a slow plugin cannot hold up the trading thread.

A session calls each plugin on a worker thread of its own, and its trading thread waits for the
answer until the deadline. Objects of the engine may be used on the trading thread only (elsewhere
Nautilus ends the process), so a plugin is given views of them: what it reads through a view is read
by the trading thread, while that waits for the plugin. A plugin that is overdue is refused by its
views from then on, and is not called again until a person resumes it: two calls of one plugin never
run at once. A plugin that holds Python's interpreter lock in native code is beyond any deadline.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from math import inf
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from qe_plugins.plugins.caller import HookCaller, HookImpl, HookResult

VIEWS = ("cache", "portfolio", "account", "history")
"""Arguments of hooks that are objects of the engine, or read them."""


class HookTimeoutError(TimeoutError):
    """A plugin did not answer within its deadline; `again` says that it was not even called."""

    def __init__(self, text: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.again = again


class ClosedViewError(RuntimeError):
    """A plugin used a view after its deadline, or on a thread that it started itself."""


class HookCall:
    """One call on a worker: its questions to the trading thread, then its answer."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run
        self.replies: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._lock = threading.Lock()
        self._over = False

    def ask(self, read: Callable[[], Any]) -> Any:
        """Have the trading thread call `read`, and return what it returns or raise its error."""
        answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        with self._lock:
            if self._over:
                raise ClosedViewError("the deadline of this call is over")
            self.replies.put((read, answers))
        value, error = answers.get()
        if error is not None:
            raise error
        return value

    def wait(self, seconds: float) -> tuple[Any, BaseException | None] | None:
        """Serve the call's questions until its answer; None where that is not there in time."""
        until = perf_counter() + seconds
        while True:
            try:
                reply = self.replies.get(timeout=max(until - perf_counter(), 0.0))
            except Empty:
                self._end()
                return None
            if not callable(reply[0]):
                return reply[1], reply[2]
            _serve(*reply)

    def _end(self) -> None:
        with self._lock:
            self._over = True
        while not self.replies.empty():
            reply = self.replies.get()
            if callable(reply[0]):
                reply[1].put((None, ClosedViewError("the deadline of this call is over")))


def _serve(read: Callable[[], Any], answers: SimpleQueue[Any]) -> None:
    try:
        answers.put((read(), None))
    except Exception as error:
        answers.put((None, error))


class HookWorker(threading.Thread):
    """The thread of one plugin. It ends with the process."""

    def __init__(self, plugin: str) -> None:
        super().__init__(name=f"qe-{plugin}", daemon=True)
        self.call: HookCall | None = None
        self._calls: SimpleQueue[HookCall] = SimpleQueue()

    @property
    def is_busy(self) -> bool:
        """Return whether the last call still runs."""
        return self.call is not None

    def start_call(self, run: Callable[[], Any]) -> HookCall:
        """Start a call. The call before must have ended."""
        self.call = call = HookCall(run)
        self._calls.put(call)
        return call

    def run(self) -> None:
        while True:
            call = self._calls.get()
            try:
                answer = (None, call.run(), None)
            except BaseException as error:
                answer = (None, None, error)  # type: ignore[assignment]
            self.call = None
            call.replies.put(answer)
            del call, answer


class View:
    """An object of the engine as a plugin may use it: every look is the trading thread's."""

    __slots__ = ("_methods", "_target", "_trading_thread")

    def __init__(self, target: Any, trading_thread: int) -> None:
        self._target, self._trading_thread = target, trading_thread
        self._methods: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = self._methods.get(name)
        if known is not None:
            return known
        found = self._on_trading_thread(lambda: getattr(self._target, name))
        if not callable(found):
            return found

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._on_trading_thread(lambda: getattr(self._target, name)(*args, **kwargs))

        self._methods[name] = method
        return method

    def _on_trading_thread(self, read: Callable[[], Any]) -> Any:
        if threading.get_ident() == self._trading_thread:
            return read()
        worker = threading.current_thread()
        call = worker.call if isinstance(worker, HookWorker) else None
        if call is None:
            raise ClosedViewError("objects of the engine may be used only while a hook is called")
        return call.ask(read)


class HookDeadlines:
    """The workers of a session's plugins, and the plugins that are called no more.

    `limit` is in seconds. `on_overdue` is called on the trading thread when a plugin is suspended:
    with the plugin, the hook and the limit.
    """

    def __init__(self, limit: float, on_overdue: Callable[[str, str, float], None]) -> None:
        self.limit, self._on_overdue = limit, on_overdue
        self.suspended: dict[str, str] = {}
        self._workers: dict[str, HookWorker] = {}
        self._trading_thread = threading.get_ident()
        self._views: dict[int, View] = {}

    def views(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a hook's arguments, with views in place of the engine's objects."""
        return {
            name: self._view(value) if name in VIEWS else value for name, value in given.items()
        }

    def run(self, one: HookImpl, given: Mapping[str, Any]) -> tuple[Any, BaseException | None]:
        """Call one implementation; return its checked answer and its exception, if any."""
        if (reason := self.suspended.get(one.plugin)) is not None:
            return None, HookTimeoutError(reason, again=True)
        worker = self._workers.get(one.plugin)
        if worker is None:
            worker = self._workers[one.plugin] = HookWorker(one.plugin)
            worker.start()
        answer = worker.start_call(lambda: one.invoke(given)).wait(self.limit)
        if answer is not None:
            return answer
        text = f"did not answer {one.hook} within {self.limit:g} s"
        self.suspended[one.plugin] = f"{text}, and is not called until it is resumed"
        self._on_overdue(one.plugin, one.hook, self.limit)
        return None, HookTimeoutError(text)

    def resume(self) -> list[str]:
        """Call suspended plugins again; return those that still run, which stay suspended."""
        busy = [name for name in self.suspended if self._workers[name].is_busy]
        self.suspended = {name: self.suspended[name] for name in busy}
        return busy

    def _view(self, target: Any) -> View:
        view = self._views.get(id(target))
        if view is None:  # it holds its target, whose id is therefore not used again
            view = self._views[id(target)] = View(target, self._trading_thread)
        return view


class DeadlineCaller(HookCaller):
    """A hook whose implementations are called against a deadline.

    A plugin that does not answer yields a result with a `HookTimeoutError`. With `at_once` they are
    called directly, without a deadline, and are given views all the same.
    """

    def __init__(self, caller: HookCaller, deadlines: HookDeadlines, *, at_once: bool) -> None:
        super().__init__(caller.implementations, first=caller.first)
        self._deadlines, self._at_once = deadlines, at_once

    def call_quietly(self, given: Mapping[str, Any], beyond: float = inf) -> list[HookResult]:
        given = self._deadlines.views(given)
        if self._at_once:
            return super().call_quietly(given, beyond)
        results: list[HookResult] = []
        for one in self.implementations:
            if not one.active:
                continue
            one.check(given)
            began = perf_counter()
            value, error = self._deadlines.run(one, given)
            seconds = perf_counter() - began
            if isinstance(error, KeyboardInterrupt):
                raise error
            one.stats.asked += 1
            one.stats.answered += value is not None
            one.stats.failed += error is not None
            one.stats.seconds += seconds
            decided = value is not None or error is not None
            if decided or seconds > beyond:
                results.append(HookResult(one.plugin, value, error, seconds))
                if decided and self.first:
                    break
        return results


def against_deadline[Manager](manager: Manager, deadlines: HookDeadlines) -> Manager:
    """Return a copy of a PluginManager whose hooks on the trading thread have a deadline."""
    limited: Any = copy.copy(manager)
    limited._callers = {
        hook: _limited(hook, caller, deadlines) for hook, caller in limited._callers.items()
    }
    return limited  # type: ignore[no-any-return]


ON_TRADING_THREAD = frozenset(
    {"contribute_signals", "resolve_signals", "size_order", "veto_order", "session_opened"}
)
AT_START = frozenset({"engine_started"})


def _limited(hook: str, caller: HookCaller | None, deadlines: HookDeadlines) -> HookCaller | None:
    if caller is None or hook not in ON_TRADING_THREAD | AT_START:
        return caller
    return DeadlineCaller(caller, deadlines, at_once=hook in AT_START)
