"""Tell plugins what happened, on a thread of their own: they can be slow, but never in the way."""

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
"""Seconds between looks at what is to be told. To wake the thread for each would cost more."""


type Said = tuple[str, int, HookResult]
"""Which hook, about what moment (UTC ns), and what a plugin said."""


class Observers:
    """Runs `order_denied`, `trade_closed` and `session_closed` one after the other."""

    def __init__(self, plugins: PluginManager, failures: PluginFailureLog) -> None:
        self._plugins, self._failures = plugins, failures
        self._said: list[Said] = []
        self._hooks = {
            name
            for name in ("order_denied", "trade_closed", "session_closed")
            if plugins.caller(name) is not None
        }
        self._jobs: deque[tuple[str, int, dict[str, Any]]] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="qe-observers", daemon=True)

    def wants(self, hook: str) -> bool:
        """Say whether any active plugin implements `hook`."""
        return hook in self._hooks

    def tell(self, hook: str, ts: int, **arguments: Any) -> None:
        """Queue a call. `arguments` must be plain data: nothing of the engine may cross."""
        if hook in self._hooks:
            if self._thread.ident is None:  # a run that fails while it is built leaves no thread
                self._thread.start()
            self._jobs.append((hook, ts, arguments))

    def close(self) -> list[Said]:
        """Wait until everything told was heard; return what the observers had to say."""
        if self._thread.is_alive():
            self._over.set()
            self._thread.join()
        return self._said

    def _work(self) -> None:
        over = False
        while not over:
            over = self._over.wait(PAUSE)
            while self._jobs:
                self._tell(*self._jobs.popleft())

    def _tell(self, hook: str, ts: int, arguments: dict[str, Any]) -> None:
        asker = self._plugins.caller(hook)
        for given in asker.call_quietly(arguments) if asker else ():
            answer = self._judged(hook, given, arguments)
            if answer.error is not None:
                log.error("%s failed in %s: %s", answer.plugin, hook, named(answer.error))
                self._failures.add(answer.plugin, hook, answer.error, ts)
                answer.error.__traceback__ = None  # it would keep all that the plugin looked at
            self._said.append((hook, ts, answer))

    def _judged(self, hook: str, answer: HookResult, arguments: dict[str, Any]) -> HookResult:
        """Return a review as a failure where it is of another trade than the one it was given."""
        review, trade = answer.value, arguments.get("trade")
        if trade is None or review is None or review.trade_id == trade.id:
            return answer
        self._plugins.failed(answer.plugin, hook)
        error = ValueError(f"a review of trade {trade.id} names trade {review.trade_id}")
        return HookResult(answer.plugin, None, error, answer.seconds)
