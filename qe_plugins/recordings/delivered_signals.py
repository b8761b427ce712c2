"""Signals of hunters on their way to a session: a file of lines beside a live recording.

A signal is delivered from the moment on at which a session can have read it, never earlier, so that
the session rerun as a backtest receives it at the same bar.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from qe_plugins.errors import FleetError
from qe_plugins.plugins.types import Signal
from qe_plugins.recordings.folder import folder_of

FILE = "signals.jsonl"


class DeliveredSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal, the moment from which it is delivered (UTC ns), its hunt, and its part of the cost.

    `usd` is the cost of the hunt in USD, shared by its signals.
    """

    at: int
    hunt: str
    usd: Decimal
    signal: Signal


class SignalFile:
    """The delivered signals of a desk, appended by it and read by its session as they come."""

    def __init__(self, recording: str) -> None:
        self.path: Path = folder_of(recording).path / FILE
        self._offset = 0

    def append(self, signals: Sequence[DeliveredSignal]) -> None:
        """Append the signals of one hunt, on the disk before this returns; once for each hunt."""
        if not signals or any(one.hunt == signals[0].hunt for one in self._all()):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in signals))
            file.flush()
            os.fsync(file.fileno())

    def new(self) -> list[DeliveredSignal]:
        """Return what was appended since the last call. A call without news takes a microsecond.

        Raises FleetError for a line that is no signal.
        """
        try:
            if self.path.stat().st_size <= self._offset:
                return []
        except OSError:
            return []
        found, self._offset = _read(self.path, self._offset)
        return found

    def _all(self) -> list[DeliveredSignal]:
        return _read(self.path, 0)[0] if self.path.is_file() else []


def _read(path: Path, offset: int) -> tuple[list[DeliveredSignal], int]:
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        found = [msgspec.json.decode(one, type=DeliveredSignal) for one in whole.splitlines()]
    except (msgspec.MsgspecError, ValueError) as error:
        raise FleetError(f"has no signal: {error}.", where=str(path)) from error
    return found, offset + len(whole)
