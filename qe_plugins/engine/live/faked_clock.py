"""Set the clock of this process: to the tape's time, step by step, with Debian's `faketime`.

`faketime` preloads a library that answers every question for the time. It reads its setting from
the environment at each question, so a process that was started under it can set its own clock: the
clock stands at the time that was set until the next step. The monotonic clock stays real.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from qe_plugins import wall_clock

FAKETIME = "FAKETIME"
REAL = "+0"
"""The setting under which the clock is the real one."""

MARK = "QE_FAKED_CLOCK"
"""Set in the environment of a process that was started again."""

SETTINGS = {
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "FAKETIME_DONT_RESET": "1",
    "FAKETIME_FMT": "%s",
    "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # waiting with a time limit would not wait
    "FAKETIME_NO_CACHE": "1",
    "NO_FAKE_STAT": "1",
}

SECOND = 1_000_000_000


PLACES = ("/usr/lib", "/usr/local/lib")
LIBRARY = "faketime/libfaketime.so.1"


def library() -> Path | None:
    """Return the library of `faketime`, None where it is not installed."""
    if sys.platform != "linux":
        return None
    found = [
        file
        for place in map(Path, PLACES)
        for pattern in (LIBRARY, f"*/{LIBRARY}")
        for file in sorted(place.glob(pattern))
    ]
    return next(iter(found), None)


def remove_leftovers() -> None:
    """Remove what a killed `faketime` left under this process's id: it would not start again."""
    for name in (f"sem.faketime_sem_{os.getpid()}", f"faketime_shm_{os.getpid()}"):
        with suppress(OSError):  # then `faketime` says what is in its way
            Path("/dev/shm", name).unlink(missing_ok=True)


def is_active() -> bool:
    """Return whether this process can set its clock."""
    return os.environ.get(MARK) == str(os.getpid())


def begin() -> None:
    """Prepare a process that can set its clock: call it first.

    Processes that it starts run on the real clock, and Python's `time.sleep`, which the library
    breaks, is replaced.
    """
    for name in ("LD_PRELOAD", MARK):
        os.environ.pop(name, None)
    wall_clock.keep()
    time.sleep = _sleep  # a function like the one that it replaces


def start_again() -> NoReturn:
    """Replace this process by the same command with the library loaded, on the real clock.

    The process keeps its id, and a child of it is not taken for one that can set its clock.
    """
    loaded = library()
    assert loaded is not None
    remove_leftovers()
    preload = {"LD_PRELOAD": str(loaded), FAKETIME: REAL, MARK: str(os.getpid())}
    command = [sys.executable, "-m", "qe_plugins.cli", *sys.argv[1:]]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, os.environ | SETTINGS | preload)


def step(ts: int) -> None:
    """Set the clock to a moment (UTC nanoseconds). It stands there until the next step."""
    os.environ[FAKETIME] = f"{ts // SECOND}.{ts % SECOND:09d}"


def end() -> None:
    """Set the clock to the real one again, if it was faked."""
    if FAKETIME in os.environ:
        os.environ[FAKETIME] = REAL


def _sleep(seconds: Any, /) -> None:
    """Sleep by waiting for what does not come, on the monotonic clock."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    threading.Event().wait(seconds)
