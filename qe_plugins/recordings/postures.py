"""Postures that a GUARDIAN published: a file of lines, and the one in force at a moment.

In force is the tightest of all that have begun and not expired, so a later one cannot loosen an
earlier one before that one's time. Once the last has expired, nothing new may be opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import FleetError
from qe_plugins.plugins.types import Posture, Side

NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


class PublishedPosture(msgspec.Struct, frozen=True, kw_only=True):
    """A posture, the moment it was decided (UTC ns), and the session that decided it."""

    decided: int
    posture: Posture
    session: str


class PostureFile:
    """The postures of a fleet by its name, oldest first."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            message = f"must be letters, digits, - and _, was '{name[:60]}'."
            raise FleetError(message, where="name of postures")
        self.path = state_dir.state_dir() / "fleet" / "postures" / f"{name}.jsonl"
        self._known: tuple[tuple[int, int], list[PublishedPosture]] | None = None

    def append(self, one: PublishedPosture) -> None:
        """Append a posture and wait until it is on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[PublishedPosture]:
        """Return every posture; none where there is no file. Raises FleetError for a bad line.

        A file that has not changed is not read again.
        """
        try:
            known = self.path.stat()
        except FileNotFoundError:
            return []
        state = (known.st_mtime_ns, known.st_size)
        if self._known is None or self._known[0] != state:
            self._known = (state, list(map(self._decoded, self._lines())))
        return self._known[1]

    def unexpired(self, at: int) -> list[Posture]:
        """Return the postures decided by a moment (UTC ns) that have not expired at it."""
        return [
            one.posture
            for one in self.read()
            if one.decided <= at and (one.posture.valid_until or 0) > at
        ]

    def in_force(self, at: int) -> Posture | None:
        """Return the posture in force at a moment (UTC ns), None where none is: nothing opens."""
        return tightest(self.unexpired(at))

    def _lines(self) -> list[bytes]:
        lines = self.path.read_bytes().split(b"\n")
        return lines[:-1]  # what follows the last newline is half a line, cut off by a crash

    def _decoded(self, line: bytes) -> PublishedPosture:
        try:
            return msgspec.json.decode(line, type=PublishedPosture)
        except (msgspec.MsgspecError, ValueError) as error:
            raise FleetError(f"not a posture: {error}.", where=str(self.path)) from error


def of_run(run_id: str) -> PostureFile:
    """Return the postures for one run. Its first 60 characters, with its time, are its own."""
    return PostureFile(run_id[:60])


def tightest(postures: Iterable[Posture]) -> Posture | None:
    """Return the tightest limit of each kind over several postures; None over none.

    It expires with the last of them.
    """
    every = list(postures)
    if not every:
        return None
    sides = set(Side).intersection(*(one.sides for one in every if one.sides is not None))
    losses = [one.max_loss for one in every if one.max_loss is not None]
    counts = [one.max_contracts for one in every if one.max_contracts is not None]
    limited = any(one.sides is not None for one in every)
    newest = every[-1]
    return Posture(
        reason=newest.reason,
        halt=any(one.halt for one in every),
        max_contracts=min(counts, default=None),
        valid_until=max((one.valid_until for one in every if one.valid_until), default=None),
        source=newest.source,
        sides=tuple(sorted(sides)) if limited else None,
        max_loss=min(losses, default=None),
    )


def loosened(before: Posture, after: Posture) -> tuple[str, ...]:
    """Return the fields in which a posture is looser than one before it."""
    found = []
    if before.halt and not after.halt:
        found.append("halt")
    for name in ("max_contracts", "max_loss"):
        limit, new = getattr(before, name), getattr(after, name)
        if limit is not None and (new is None or new > limit):
            found.append(name)
    if before.sides is not None and (after.sides is None or set(after.sides) - set(before.sides)):
        found.append("sides")
    return tuple(found)
