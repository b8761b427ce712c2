"""Call the hooks that only observe on a thread of their own, so that they cannot delay trading."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from qe_plugins.plugins import HookResult, PluginManager
from qe_plugins.safe_text import named

if TYPE_CHECKING:
    from qe_plugins.engine.recording.plugin_failures import PluginFailureLog

log = logging.getLogger(__name__)

PAUSE = 0.05
"""Seconds between two looks at the queue. Waking the thread for each call would cost more."""


type ObserverAnswer = tuple[str, int, HookResult]
"""A hook, the moment of the call (UTC ns), and a plugin's answer."""


class Observers:
    """Calls the hooks that only observe, such as `trade_closed`, in the order they are queued."""

    def __init__(self, plugins: PluginManager, failures: PluginFailureLog) -> None:
        self._plugins, self._failures = plugins, failures
        self._answers: deque[ObserverAnswer] = deque()
        self._hooks = {
            name
            for name in ("order_denied", "trade_closed", "session_closed", "rung_changed")
            if plugins.caller(name) is not None
        }
        self._jobs: deque[tuple[str, int, dict[str, Any]]] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._call_queued, name="qe-observers", daemon=True)

    def wants(self, hook: str) -> bool:
        """Return whether any active plugin implements `hook`."""
        return hook in self._hooks

    def notify(self, hook: str, ts: int, **arguments: Any) -> None:
        """Queue a call. `arguments` must be plain data: no engine object may cross threads."""
        if hook in self._hooks:
            if self._thread.ident is None:  # a run that fails while it is built leaves no thread
                self._thread.start()
            self._jobs.append((hook, ts, arguments))

    def take(self) -> list[ObserverAnswer]:
        """Return the answers since the last call. `close` then returns only those after it."""
        found: list[ObserverAnswer] = []
        while self._answers:
            found.append(self._answers.popleft())
        return found

    def close(self) -> list[ObserverAnswer]:
        """Wait until every queued call has been made; return the observers' answers."""
        if self._thread.is_alive():
            self._closing.set()
            self._thread.join()
        return list(self._answers)

    def _call_queued(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(PAUSE)
            while self._jobs:
                self._call_plugins(*self._jobs.popleft())

    def _call_plugins(self, hook: str, ts: int, arguments: dict[str, Any]) -> None:
        asker = self._plugins.caller(hook)
        for answered in asker.call_quietly(arguments) if asker else ():
            answer = self._checked(hook, answered, arguments)
            if answer.error is not None:
                log.error("%s failed in %s: %s", answer.plugin, hook, named(answer.error))
                self._failures.add(answer.plugin, hook, answer.error, ts)
                answer.error.__traceback__ = None  # it would keep the plugin's local variables
            self._answers.append((hook, ts, answer))

    def _checked(self, hook: str, answer: HookResult, arguments: dict[str, Any]) -> HookResult:
        """Return an answer; a review that names another trade than the one passed is a failure."""
        review, trade = answer.value, arguments.get("trade")
        if trade is None or review is None or review.trade_id == trade.id:
            return answer
        self._plugins.failed(answer.plugin, hook)
        error = ValueError(f"a review of trade {trade.id} names trade {review.trade_id}")
        return HookResult(answer.plugin, None, error, answer.seconds)
