"""The heartbeat of `qe desk`: one small file a desk, for `qe status`, the watcher and pages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.halt.heartbeat_files import read_heartbeats, write_heartbeat

LATE = 30.0
"""Seconds without a heartbeat after which a desk counts as silent."""


class DeskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A desk at one moment. `market_time` is the clock that it goes by, None before it is known.

    `line` is its status in one line, `doing` the step that it takes now, `next` when the next one
    is due. `usd` is what the steps of the day cost, `budget` the day's limit in USD.
    """

    name: str
    pid: int
    host: str
    started: datetime
    run_id: str
    line: str
    market_time: datetime | None = None
    doing: str = ""
    next: datetime | None = None
    usd: Decimal = Decimal(0)
    budget: Decimal | None = None


class SeenDesk(msgspec.Struct, frozen=True, kw_only=True):
    """A desk's file as `qe status` finds it, with its heartbeat's age in seconds."""

    age: float
    status: DeskStatus

    @property
    def is_silent(self) -> bool:
        """Return whether its heartbeat is late."""
        return self.age > LATE


def write_desk(status: DeskStatus) -> None:
    """Replace the file of a desk: its heartbeat. Not synced to disk. Raises OSError."""
    write_heartbeat(_file(status.name), status)


def remove_desk(name: str) -> None:
    """Remove the file of a desk that ended as it should."""
    _file(name).unlink(missing_ok=True)


def read_desks() -> tuple[list[SeenDesk], list[str]]:
    """Return the desks that run or were killed, and what cannot be read, a line each."""
    found, unreadable = read_heartbeats(state_dir.state_dir() / "desk", DeskStatus)
    return [SeenDesk(age=age, status=status) for age, status in found], unreadable


def _file(name: str) -> Path:
    return state_dir.inside(state_dir.state_dir() / "desk", f"{name}.json")
