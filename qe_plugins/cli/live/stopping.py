"""Ctrl-C and SIGTERM end a session, which then writes its report."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from qe_plugins import stop_signals


class Stoppable(Protocol):
    """A session, or what paces it."""

    @property
    def stopped(self) -> bool:
        """Return whether its end was asked for."""

    def stop(self) -> None:
        """End it soon."""


@contextmanager
def stopping() -> Iterator[list[Stoppable]]:
    """Stop the paces of the yielded list at Ctrl-C and SIGTERM; a second one interrupts."""
    paces: list[Stoppable] = []

    def stop(number: int, _frame: object) -> None:
        if not paces or all(pace.stopped for pace in paces):
            raise KeyboardInterrupt
        for pace in paces:
            pace.stop()

    before = {number: signal.signal(number, stop) for number in stop_signals.SIGNALS}
    try:
        yield paces
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
