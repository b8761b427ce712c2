"""What needs Polars is done in a process of its own, which ends when nothing was asked for a while.

Once loaded, Polars would keep 60 MB in a server that runs for weeks.
"""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from qe_plugins.errors import QeError

IDLE = 60.0
"""Seconds without a call after which the process ends."""

PATIENCE = 30.0
"""Seconds that a call may take."""


class OwnProcess:
    """Calls functions in another process, one at a time. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[BaseProcess, Connection] | None = None
        self._ends: threading.Timer | None = None

    def call(self, module: str, function: str, *args: Any) -> Any:
        """Return what a function of a module returns; raise what it raises.

        Raises QeError where there is no answer within `PATIENCE`.
        """
        with self._lock:
            if self._ends is not None:
                self._ends.cancel()
            connection = self._connection()
            try:
                connection.send((module, function, args))
                if not connection.poll(PATIENCE):
                    raise EOFError
                answer, error = connection.recv()
            except (EOFError, OSError) as failure:
                self._end()
                what = f"{function.replace('_', ' ')}: no answer within {PATIENCE:g} s."
                raise QeError(what, hint="Reload the page.") from failure
            self._ends = threading.Timer(IDLE, self.close)
            self._ends.daemon = True
            self._ends.start()
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _connection(self) -> Connection:
        if self._running is None or not self._running[0].is_alive():
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=_answer, args=(theirs,), daemon=True, name="qe-tables")
            process.start()
            theirs.close()
            self._running = process, ours
        return self._running[1]

    def _end(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
        if self._running is not None:
            process, connection = self._running
            connection.close()
            process.kill()
            process.join()
            self._running = None


def _answer(connection: Connection) -> None:
    """Call what is asked for, until the asking process closes the connection or ends."""
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            module, function, args = connection.recv()
            try:
                answer = getattr(importlib.import_module(module), function)(*args)
            except Exception as error:  # raised again in the asking process
                connection.send((None, error))
            else:
                connection.send((answer, None))
