"""The heartbeat of `qe watch`: a file an account, whose age says whether a watcher runs."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from qe_plugins import state_dir

LATE = 15.0
"""Seconds without a heartbeat after which no watcher counts as running."""


def beat(account: str) -> None:
    """Note that the watcher of an account runs. Raises OSError."""
    file = _file(account)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def stop_beating(account: str) -> None:
    """Note that the watcher of an account ends as it should."""
    with suppress(OSError):
        _file(account).unlink(missing_ok=True)


def missing(account: str) -> str:
    """Return why an account counts as not watched, empty where it is."""
    try:
        seconds = time.time() - _file(account).stat().st_mtime
    except OSError:
        return "no watcher runs"
    return "" if seconds <= LATE else f"the watcher is silent for {seconds:.0f} s"


def _file(account: str) -> Path:
    return state_dir.inside(state_dir.state_dir() / "watch", f"{account}.beat")
