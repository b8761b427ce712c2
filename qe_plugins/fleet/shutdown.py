"""A wish to stop, from a signal or a test: whoever works is told at once, and ends in order."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):  # noqa: N818 - an outcome, not a mistake
    """A scan was asked to stop. What it paid for is kept, and it can be resumed."""


class StopRequest:
    """Requested once, and from then on.

    A signal may come at any moment, so nothing here takes a lock: an event that is set while
    somebody begins to wait for it in the same thread would wait for itself.
    """

    def __init__(self) -> None:
        self.requested = False
        self._told: list[Callable[[], object]] = []
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def request(self) -> None:
        """Ask everybody to stop."""
        if not self.requested:
            self.requested = True
            if self._bell is not None:
                self._bell[0].send(b"!")
            for act in list(self._told):
                act()

    def wait(self, seconds: float) -> bool:
        """Return True as soon as it is requested, False when so much time has gone by."""
        if self._bell is None:
            self._bell = socket.socketpair()
        if not self.requested:  # if it comes from here on, the bell rings
            select.select([self._bell[1]], [], [], seconds)
        return self.requested

    def close(self) -> None:
        """Let go of what waiting took."""
        for end in self._bell or ():
            end.close()

    @contextmanager
    def tells(self, act: Callable[[], object]) -> Iterator[None]:
        """Call `act` when it is requested within the block, or was before."""
        self._told.append(act)
        try:
            if self.requested:
                act()
            yield
        finally:
            self._told.remove(act)


@contextmanager
def on_signals() -> Iterator[StopRequest]:
    """Yield a stop that SIGINT and SIGTERM request; a second signal does what it did before."""
    stop = StopRequest()
    before = {each: signal.getsignal(each) for each in SIGNALS}

    def first(*_: Any) -> None:
        _restore(before)
        stop.request()

    for each in SIGNALS:
        signal.signal(each, first)
    try:
        yield stop
    finally:
        _restore(before)
        stop.close()


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for each, handler in handlers.items():
        signal.signal(each, handler)
