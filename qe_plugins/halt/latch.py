"""The halt latch: one file in the state folder. While it exists, no risk is added.

The file comes first and the journal second, so that a halt holds while the database is locked or
down. Whatever cannot be read as a halt counts as one: an empty file, half a file, a folder.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.errors import Halted, QeError
from qe_plugins.safe_text import in_words, writable

FILE = "halt.json"
RESUMED = "resumed.json"
"""The file beside it that says who ended the last halt, and why."""

PERSON = "person"
"""The source of a halt that a person set; otherwise it is the name of a trigger."""

UNREADABLE = "latch"
"""The source of a halt whose file cannot be read."""

MOST_LATER = 50
"""Number of later reasons that are kept, the newest; the first reason always is."""

PATIENCE = 2.0
"""Seconds to wait for another process that writes the file; then it is written all the same."""

type Stamp = tuple[int, int, int, int]
"""Identity, time and size of the file, by which a change is noticed."""


class HaltReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a halt was set, and since when.

    `source` is PERSON or the name of a trigger; `by` is the login name of a person.
    """

    reason: str
    source: str
    since: datetime
    by: str = ""

    @property
    def who(self) -> str:
        """Return who or what set it: a login name, or `trigger daily_loss`."""
        return self.by or (PERSON if self.source == PERSON else f"trigger {self.source}")


class Halt(HaltReason, frozen=True, kw_only=True):
    """The halt in force. `later` are reasons that were given while it was in force."""

    later: list[HaltReason] = []

    @property
    def line(self) -> str:
        """Return it in one line: `halted since 2026-01-02 14:31:00 UTC by ann: REASON`."""
        more = f" (and {len(self.later)} later)" if self.later else ""
        return f"halted since {utc(self.since)} by {self.who}: {self.reason}{more}"

    def error(self) -> Halted:
        """Return the error of what is refused while it is in force."""
        return Halted(
            f"{self.line.rstrip('.')}.", hint="`qe resume REASON` at a terminal ends the halt."
        )


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a halt: why, by whom, when, and the line of the halt that it ended."""

    reason: str
    by: str
    at: datetime
    ended: str


class HaltLatch:
    """The halt in `file`. Any number of processes may read and write it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stamp: Stamp | None = None
        self._halt: Halt | None = None
        self._unwritten: Halt | None = None

    @classmethod
    def at_home(cls) -> Self:
        """Return the latch of the state folder."""
        return cls(state_dir.state_dir() / FILE)

    def read(self) -> Halt | None:
        """Return the halt in force, or None. Takes a few microseconds while the file is as it was.

        A file that cannot be read is a halt with that reason; so is one that vanished together with
        its folder.
        """
        try:
            found = os.stat(self.file)
        except FileNotFoundError:
            if self._halt is not None and not self.file.parent.is_dir():
                return self._halt
            self._stamp = self._halt = None
            return self._unwritten
        except OSError as error:
            return self._unreadable(error)
        stamp = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        if stamp != self._stamp:
            self._halt = self._load()
            self._stamp = None if self._halt.source == UNREADABLE else stamp
        return self._halt

    def set(self, reason: str, source: str, *, by: str = "", now: datetime | None = None) -> Halt:
        """Set the latch and return the halt in force; a later call adds its reason to the first.

        The halt is on disk when this returns. Raises QeError where it cannot be written: it then
        holds in this process alone, until a later `set` succeeds.
        """
        new = HaltReason(
            reason=writable(reason), source=source, since=now or datetime.now(UTC), by=by
        )
        first = Halt(**msgspec.structs.asdict(new))
        if self._unwritten is None:
            self._unwritten = first
        elif new.reason not in {self._unwritten.reason, *(o.reason for o in self._unwritten.later)}:
            self._unwritten = _with_later(self._unwritten, new)
        try:
            with _one_writer(self.file):
                known = self.read() if self.file.exists() else None
                halt = self._unwritten if known is None else _with_later(known, new)
                _write(self.file, halt)
        except OSError as error:
            raise QeError(
                f"the halt could not be written: {in_words(error)}.",
                where=str(self.file),
                hint="Only this process is halted: stop the others by hand.",
            ) from error
        self._unwritten = None
        return halt

    def clear(self, reason: str = "", *, by: str = "") -> Halt | None:
        """Remove the halt and return it; None where none was in force.

        Raises QeError where it cannot be removed: it then stays in force.
        """
        halt = self.read()
        if halt is None:
            return None
        ended = Resume(reason=writable(reason), by=by, at=datetime.now(UTC), ended=halt.line)
        try:
            with _one_writer(self.file):
                write_atomically(self._resumed, msgspec.json.encode(ended))
                self.file.unlink(missing_ok=True)
                if self.file.parent.is_dir():
                    _sync_folder(self.file.parent)
        except OSError as error:
            raise QeError(
                f"the halt could not be removed: {in_words(error)}.",
                where=str(self.file),
                hint="It stays in force.",
            ) from error
        self._unwritten = None
        return halt

    def last_resume(self) -> Resume | None:
        """Return who ended the last halt and why; None where that is not known."""
        with suppress(OSError, msgspec.DecodeError, UnicodeError):
            return msgspec.json.decode(self._resumed.read_bytes(), type=Resume)
        return None

    @property
    def _resumed(self) -> Path:
        return self.file.with_name(RESUMED)

    def _load(self) -> Halt:
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=Halt)
        except (OSError, msgspec.DecodeError, UnicodeError) as error:
            return self._unreadable(error)

    def _unreadable(self, error: Exception) -> Halt:
        since = datetime.now(UTC)
        with suppress(OSError):
            since = datetime.fromtimestamp(self.file.stat().st_mtime, UTC)
        said = in_words(error).rstrip(".")
        reason = f"{self.file} cannot be read, which counts as a halt: {said}"
        return Halt(reason=reason, source=UNREADABLE, since=since)


def refuse_if_halted() -> None:
    """Raise Halted while the latch of the state folder is set."""
    if (halt := HaltLatch.at_home().read()) is not None:
        raise halt.error()


def utc(at: datetime) -> str:
    """Return a time as `2026-01-02 14:31:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _with_later(halt: Halt, new: HaltReason) -> Halt:
    """Return a halt with one more reason; what one source said already is not repeated."""
    if (new.source, new.reason) in {(one.source, one.reason) for one in (halt, *halt.later)}:
        return halt
    return msgspec.structs.replace(halt, later=[*halt.later, new][-MOST_LATER:])


class _one_writer:  # noqa: N801 - used as a function
    """Exclude other writers of `file` for a block; after PATIENCE, do without."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(file.with_name(f"{file.name}.lock"), timeout=PATIENCE)

    def __enter__(self) -> None:
        with suppress(Timeout, OSError, NotImplementedError):
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _write(file: Path, halt: Halt) -> None:
    """Replace the file at once. On a full disk an empty file remains, which counts as a halt."""
    try:
        write_atomically(file, msgspec.json.format(msgspec.json.encode(halt)))
    except OSError:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        raise


def write_atomically(file: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file's content: readers see the old or the new one, also after a crash.

    With `durable` it is on disk when this returns. Raises OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            if durable:
                os.fsync(opened.fileno())
        os.replace(name, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    if durable:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows keeps names of files itself
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
