"""Graceful stop: a request from a signal or a test, with callbacks and an interruptible wait."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):  # noqa: N818 - an outcome, not a mistake
    """A scan was stopped on request. Answers that were paid for are stored; it can be resumed."""


class StopRequest:
    """A request to stop. Once made, it stays made.

    A signal handler may run at any moment, so nothing here takes a lock: a `threading.Event` set by
    a handler that interrupts its own `wait` would deadlock.
    """

    def __init__(self) -> None:
        self.requested = False
        self._callbacks: list[Callable[[], object]] = []
        self._wakeup: tuple[socket.socket, socket.socket] | None = None

    def request(self) -> None:
        """Request the stop: wake `wait` and call the callbacks, once."""
        if not self.requested:
            self.requested = True
            if self._wakeup is not None:
                self._wakeup[0].send(b"!")
            for callback in list(self._callbacks):
                callback()

    def wait(self, seconds: float) -> bool:
        """Return True as soon as the stop is requested, False after `seconds`."""
        if self._wakeup is None:
            self._wakeup = socket.socketpair()
        if not self.requested:  # a request from here on makes the socket readable
            select.select([self._wakeup[1]], [], [], seconds)
        return self.requested

    def close(self) -> None:
        """Close the sockets that `wait` opened."""
        for end in self._wakeup or ():
            end.close()

    @contextmanager
    def notifies(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call `callback` when the stop is requested within the block, or was before."""
        self._callbacks.append(callback)
        try:
            if self.requested:
                callback()
            yield
        finally:
            self._callbacks.remove(callback)


@contextmanager
def on_signals() -> Iterator[StopRequest]:
    """Yield a StopRequest that SIGINT and SIGTERM make; a second signal has its usual effect."""
    stop = StopRequest()
    before = {each: signal.getsignal(each) for each in SIGNALS}

    def on_first_signal(*_: Any) -> None:
        _restore(before)
        stop.request()

    for each in SIGNALS:
        signal.signal(each, on_first_signal)
    try:
        yield stop
    finally:
        _restore(before)
        stop.close()


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for each, handler in handlers.items():
        signal.signal(each, handler)
