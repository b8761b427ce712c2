"""The heartbeat of `qe desk`: one small file a desk, for `qe status`, the watcher and pages."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from qe_plugins import state_dir
from qe_plugins.halt.latch import write_atomically
from qe_plugins.safe_text import in_words

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
    file = _file(status.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, msgspec.json.encode(status), durable=False)


def remove_desk(name: str) -> None:
    """Remove the file of a desk that ended as it should."""
    _file(name).unlink(missing_ok=True)


def read_desks() -> tuple[list[SeenDesk], list[str]]:
    """Return the desks that run or were killed, and what cannot be read, a line each."""
    found, unreadable = [], []
    for file in sorted((state_dir.state_dir() / "desk").glob("*.json")):
        try:
            age = max(time.time() - file.stat().st_mtime, 0.0)
            status = msgspec.json.decode(file.read_bytes(), type=DeskStatus)
        except FileNotFoundError:
            continue  # it has just ended
        except (OSError, msgspec.DecodeError, UnicodeError) as error:
            unreadable.append(f"{file}: {in_words(error)}")
        else:
            found.append(SeenDesk(age=age, status=status))
    return found, unreadable


def _file(name: str) -> Path:
    return state_dir.inside(state_dir.state_dir() / "desk", f"{name}.json")
