"""Stop signals of a run: Ctrl-C and SIGTERM end the process at once, without half-written results.

An exception does not work: Python raises KeyboardInterrupt inside any callback that happens to run,
the engine discards exceptions of callbacks, and the run continues without the rest of that one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STOPPED = 130
"""The exit code of a process that a stop signal ended."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_deciding = threading.Lock()
_sealed = False
_undo: list[Callable[[], object]] = []


def watch() -> None:
    """From now on end the process with exit code 130 at the first stop signal.

    A thread waits for it, which runs when the engine releases the interpreter: at the latest after
    a chunk of data, which takes a fraction of a second. Call it once, on the main thread.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(ours, theirs), name="qe-stop", daemon=True).start()


@contextmanager
def undone_by(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` on the watching thread where a stop signal ends the process in this context."""
    _undo.append(undo)
    try:
        yield
    finally:
        _undo.remove(undo)


def removed(folder: Path) -> None:
    """Remove a folder, also while another thread writes into it."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def hold() -> None:
    """Wait for the end of the process if a stop signal is ending it; else return at once.

    Call it before an error is shown, which may be due to a file that was removed meanwhile.
    """
    with _deciding:
        pass


def seal() -> None:
    """Ignore stop signals from here on: the result is being moved into place, which is quick.

    Does not return where a stop signal came first.
    """
    global _sealed
    with _deciding:
        _sealed = True


def _wait(ours: socket.socket, theirs: socket.socket) -> None:
    with ours, theirs:
        while set(ours.recv(16)).isdisjoint(SIGNALS):
            pass
        _deciding.acquire()  # until the process ends, so that nothing is sealed meanwhile
        if _sealed:
            _deciding.release()
            return
        for undo in reversed(_undo):
            with suppress(Exception):  # a failing undo must not keep the process alive
                undo()
        sys.stderr.write("interrupted: the run left no result\n")
        sys.stderr.flush()
        os._exit(STOPPED)
