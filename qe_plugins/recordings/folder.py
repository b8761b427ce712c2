"""The folder of a recording: its description, and decisions appended as they are taken.

`recording.json` is written before the first call, `decisions.jsonl` grows by a line a decision,
`walk/` has what parents did without, so that an interrupted recording continues as it began.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.errors import FleetError, ReplayMiss, did_you_mean
from qe_plugins.recordings.records import FleetRecording, RecordedDecision, RecordingInfo

INFO, DECISIONS, WALK, LOCK = "recording.json", "decisions.jsonl", "walk", "lock"


class RecordingFolder:
    """The files of one recording."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Return whether the recording was begun."""
        return (self.path / INFO).is_file()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the recording's lock. Raises FleetError where another process has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / LOCK, timeout=0):
                yield
        except Timeout as error:
            where = f"recording {self.path.name}"
            raise FleetError("is being written by another process.", where=where) from error

    def write_info(self, info: RecordingInfo) -> None:
        """Write the description atomically."""
        part = self.path / f".{INFO}.part"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(info)))
        os.replace(part, self.path / INFO)

    def info(self) -> RecordingInfo:
        """Return the description. Raises FleetError where it cannot be read."""
        try:
            return msgspec.json.decode((self.path / INFO).read_bytes(), type=RecordingInfo)
        except (OSError, msgspec.DecodeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise FleetError(f"cannot be read: {reason}.", where=str(self.path / INFO)) from error

    def append(self, decision: RecordedDecision) -> None:
        """Append a decision, on disk before this returns."""
        with (self.path / DECISIONS).open("ab") as file:
            file.write(msgspec.json.encode(decision) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def walk_file(self, at: int) -> Path:
        """Return the file for what parents did without at a decision point."""
        (self.path / WALK).mkdir(exist_ok=True)
        return self.path / WALK / f"{at}.jsonl"

    def decisions(self) -> dict[int, RecordedDecision]:
        """Return the decisions so far by their points; a line cut off by a crash is none.

        Raises FleetError for a line that is no decision, or a second decision at a point.
        """
        file = self.path / DECISIONS
        content = file.read_bytes() if file.is_file() else b""
        found: dict[int, RecordedDecision] = {}
        for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
            try:
                one = msgspec.json.decode(line, type=RecordedDecision)
            except (msgspec.DecodeError, ValueError) as error:
                where, reason = f"{file}:{number}", " ".join(str(error).split())
                raise FleetError(f"is no decision: {reason}.", where=where) from error
            if one.at in found:
                message = f"a second decision at {shown(one.at)}."
                raise FleetError(message, where=f"{file}:{number}")
            found[one.at] = one
        return found

    def answered(self) -> int:
        """Return how many decisions there are so far, without reading them. Raises OSError."""
        file = self.path / DECISIONS
        if not file.is_file():
            return 0
        with file.open("rb") as lines:
            return sum(line.endswith(b"\n") for line in lines)

    def drop_partial_line(self) -> None:
        """Remove a line that a crash cut off, before more are appended."""
        file = self.path / DECISIONS
        if file.is_file():
            content = file.read_bytes()
            os.truncate(file, content.rfind(b"\n") + 1)


def recordings_dir() -> Path:
    """Return the folder of all recordings."""
    return state_dir.state_dir() / "fleet" / "recordings"


def folder_of(name: str) -> RecordingFolder:
    """Return the folder of a recording by its name, whether it exists or not."""
    return RecordingFolder(recordings_dir() / name)


def names() -> list[str]:
    """Return the names of the recordings."""
    return sorted(place.parent.name for place in recordings_dir().glob(f"*/{INFO}"))


def read(name: str) -> FleetRecording:
    """Return a whole recording by its name.

    Raises FleetError for an unknown one, ReplayMiss where a decision point has no answer, or an
    answer has no latency: no run may use it.
    """
    place, known = folder_of(name), names()
    if name not in known:
        hint = did_you_mean(name, known) or "`qe fleet record` makes one."
        raise FleetError(f"there is no recording '{name}'.", hint=hint)
    info, decisions = place.info(), place.decisions()
    for at in info.points:
        if at not in decisions:
            raise _miss(name, at, "has no answer.")
        if decisions[at].latency is None:
            raise _miss(name, at, "has an answer without latency, so it cannot be delivered.")
    if extra := sorted(set(decisions) - set(info.points)):
        message = f"has a decision at {shown(extra[0])}, which is none of its points."
        raise FleetError(message, where=f"recording {name}")
    return FleetRecording(info=info, decisions=tuple(decisions[at] for at in info.points))


def shown(at: int) -> str:
    """Return a moment (UTC ns) as text."""
    return f"{datetime.fromtimestamp(at // 1_000_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def _miss(name: str, at: int, what: str) -> ReplayMiss:
    hint = "Finish it with the `qe fleet record` command that began it."
    return ReplayMiss(f"the decision at {shown(at)} {what}", where=f"recording {name}", hint=hint)
