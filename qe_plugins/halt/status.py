"""What a running session writes for `qe status`: its heartbeat."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import DataError
from qe_plugins.halt.heartbeat_files import read_heartbeats, write_heartbeat

SILENT = 15.0
"""Seconds without a heartbeat after which a session counts as silent."""

type Mode = Literal["paper", "live"]
type State = Literal["running", "silent", "died"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a trigger of the halt read last: a text such as `-120 of -150 USD`, and if it fired."""

    text: str
    fired: bool = False


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One session at one moment. Times are UTC; money is in the account's `currency`.

    `engine_time` is the node's clock, `wall_time` the process's. `last_bars` are the closes of the
    last bar of each contract, `positions` the net contracts held, negative when short. None means
    not known. `waits` is why no order may add risk yet, empty where it may.
    """

    run_id: str
    name: str
    mode: Mode
    pid: int
    host: str
    started: datetime
    engine_time: datetime
    wall_time: datetime
    last_bars: dict[str, datetime] = {}
    positions: dict[str, Decimal] = {}
    equity: Decimal | None = None
    day_pnl: Decimal | None = None
    currency: str = "USD"
    last_decision: str = ""
    waits: str = ""
    readings: dict[str, Reading] = {}


class SeenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session's file as `qe status` finds it, with its heartbeat's age in seconds."""

    state: State
    age: float
    status: SessionStatus


def sessions_dir() -> Path:
    """Return the folder of the sessions' files."""
    return state_dir.state_dir() / "sessions"


def this_process() -> tuple[int, str]:
    """Return the `pid` and the `host` of this process, for its status."""
    return os.getpid(), socket.gethostname()


def write_status(status: SessionStatus) -> None:
    """Replace the file of a session: its heartbeat. Not synced to disk. Raises OSError."""
    write_heartbeat(_file(status.run_id), status)


def remove_status(run_id: str) -> None:
    """Remove the file of a session that ended as it should."""
    _file(run_id).unlink(missing_ok=True)


def read_sessions() -> tuple[list[SeenSession], list[str]]:
    """Return the sessions that run or died, oldest first, and what cannot be read, a line each."""
    found, unreadable = read_heartbeats(sessions_dir(), SessionStatus)
    seen = [SeenSession(state=_state(one, age), age=age, status=one) for age, one in found]
    return sorted(seen, key=lambda one: one.status.started), unreadable


def _file(run_id: str) -> Path:
    """Return the file of a session. Raises DataError for an id that is no name of a file."""
    if not state_dir.NAME.fullmatch(run_id):
        raise DataError(f"'{run_id}' is no id of a run.")
    return sessions_dir() / f"{run_id}.json"


def _state(status: SessionStatus, age: float) -> State:
    here = status.host == socket.gethostname()
    if here and not _is_alive(status.pid):
        return "died"
    return "running" if age <= SILENT else "silent"


def _is_alive(pid: int) -> bool:
    """Return whether a process exists; True where that cannot be found out."""
    if sys.platform == "win32":
        return True  # `os.kill` would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):  # a zombie has ended, too
        stat = Path("/proc", str(pid), "stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return True
