"""The process that appends to an open run, and whether it still exists."""

from __future__ import annotations

import os
import socket
import subprocess
from functools import lru_cache
from pathlib import Path

import msgspec

from qe_plugins.journal.facts import RunState


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A process: its host, its id there, and its start, which no later process of that id has."""

    host: str
    pid: int
    process: str


def this_process() -> Owner:
    """Return the process that runs this."""
    pid = os.getpid()
    return Owner(host=socket.gethostname(), pid=pid, process=_own_start(pid))


def state(owner: Owner) -> RunState:
    """Return whether a process exists; UNKNOWN for one on another host."""
    if owner.host != socket.gethostname():
        return RunState.UNKNOWN
    return RunState.RUNNING if start_of(owner.pid) == owner.process else RunState.DIED


def start_of(pid: int) -> str | None:
    """Return when a process of this host started, None where there is none; only to be compared.

    On Linux that is the boot and the clock ticks since; elsewhere the time that `ps` prints.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _ps(pid)
    return None if fields[0] in "ZX" else f"{boot}+{fields[19]}"


@lru_cache(maxsize=2)
def _own_start(pid: int) -> str:
    return start_of(pid) or "unknown"


def _ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
