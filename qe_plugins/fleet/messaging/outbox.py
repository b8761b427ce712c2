"""The bus: what coordinators tell each other, in an outbox that forgets nothing.

A message is written once, whoever publishes it twice (after a crash), and read in the order of its
sender. A reader that acknowledges by its own name hears each message at least once.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import FleetError
from qe_plugins.plugins.types import Role

TABLES = """
CREATE TABLE IF NOT EXISTS outbox (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    scan TEXT NOT NULL,
    sender TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    dedupe TEXT NOT NULL UNIQUE,
    message TEXT NOT NULL,
    UNIQUE (scan, sender, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS readers (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT;
"""


PART = 1_000
"""Messages that a follower reads at a time: an outbox of a year is larger than its memory."""


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every message says. `coverage` is of the workers asked; `reason` is a model's words."""

    score: float
    confidence: float
    coverage: float
    effective: float
    reason: str


class RankedTarget(msgspec.Struct, frozen=True):
    """A target and its score, ranked in code."""

    target: str
    score: float


class FindingBody(Body, frozen=True, kw_only=True, tag="finding"):
    """What a hunter found: targets by strength. It is no order, and no signal yet."""

    targets: tuple[RankedTarget, ...]


class PostureBody(Body, frozen=True, kw_only=True, tag="posture"):
    """What a guardian would allow: part of the usual risk, or nothing at all."""

    halt: bool
    risk: float


class ReportBody(Body, frozen=True, kw_only=True, tag="report"):
    """What an analyst or a synthesis reports of its part of the tree."""

    targets: tuple[RankedTarget, ...]


class ObjectionBody(Body, frozen=True, kw_only=True, tag="objection"):
    """What an arbiter holds against the findings: where its own side says no."""

    targets: tuple[RankedTarget, ...]


class RequestBody(Body, frozen=True, kw_only=True, tag="request"):
    """A coordinator without its quorum asks for the answers that it misses."""

    missing: dict[str, int]


type AnyBody = FindingBody | PostureBody | ReportBody | ObjectionBody | RequestBody
type Kind = Literal["finding", "posture", "report", "objection", "request"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `sequence` counts its sender's messages within a scan, from 1.

    `cursor` is its place in the outbox, 0 until it is there.
    """

    scan: str
    sender: str
    role: Role
    sequence: int
    body: AnyBody
    cursor: int = 0

    @property
    def dedupe(self) -> str:
        """Return the id that makes a message published twice the same message."""
        said = msgspec.json.encode([self.scan, self.sender, self.sequence, self.body])
        return hashlib.sha256(said).hexdigest()

    @property
    def kind(self) -> str:
        """Return what it is: finding, posture, report, objection or request."""
        return str(self.body.__struct_config__.tag)


class Outbox:
    """An open outbox: a context manager, or `close` it. Several processes may share it."""

    def __init__(self, file: Path | None = None) -> None:
        place = file or state_dir.state_dir() / "fleet" / "bus.sqlite"
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(place, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(TABLES)
        except sqlite3.Error as error:
            raise FleetError(f"cannot be opened: {error}.", where=str(place)) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, message: Message) -> int:
        """Write a message, once, and return its cursor.

        Raises FleetError where its sender has said something else under that number, or has not
        yet said what comes before it.
        """
        with self._writing():
            known = self._find("dedupe = ?", message.dedupe)
            if known is not None:
                return known
            self._refuse_out_of_order(message)
            text = msgspec.json.encode(message).decode()
            row = (message.scan, message.sender, message.sequence, message.dedupe, text)
            written = self._db.execute(
                "INSERT INTO outbox (scan, sender, sequence, dedupe, message)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
            return int(written.lastrowid or 0)

    def read(
        self, after: int = 0, scan: str | None = None, most: int | None = None
    ) -> list[Message]:
        """Return the messages after a cursor, of one scan or of all, in their order.

        Of those the first `most`, by default all.
        """
        query, values = "SELECT cursor, message FROM outbox WHERE cursor > ?", [after]
        chosen: list[Any] = [*values, scan] if scan else [*values]
        if scan:
            query += " AND scan = ?"
        chosen.append(-1 if most is None else most)  # -1 is no limit to SQLite
        rows = self._db.execute(f"{query} ORDER BY cursor LIMIT ?", chosen)
        return [_message(cursor, text) for cursor, text in rows]

    def unread(self, reader: str, most: int | None = None) -> list[Message]:
        """Return what a reader has not acknowledged; again and again, until it does.

        Of that the first `most` messages, by default all.
        """
        row = self._db.execute("SELECT cursor FROM readers WHERE name = ?", (reader,)).fetchone()
        return self.read(row[0] if row else 0, most=most)

    def acknowledge(self, reader: str, message: Message) -> None:
        """Note that a reader has dealt with a message and all before it."""
        self._db.execute(
            "INSERT INTO readers VALUES (?, ?) ON CONFLICT (name)"
            " DO UPDATE SET cursor = max(cursor, excluded.cursor)",
            (reader, message.cursor),
        )

    def _find(self, condition: str, *values: object) -> int | None:
        query = f"SELECT cursor FROM outbox WHERE {condition}"
        row = self._db.execute(query, values).fetchone()
        return int(row[0]) if row else None

    def _refuse_out_of_order(self, message: Message) -> None:
        query = "SELECT coalesce(max(sequence), 0) FROM outbox WHERE scan = ? AND sender = ?"
        (last,) = self._db.execute(query, (message.scan, message.sender)).fetchone()
        if message.sequence != last + 1:
            raise FleetError(
                f"message {message.sequence} must follow message {last}.",
                where=f"bus, scan {message.scan}, sender {message.sender}",
                hint="A sender's messages are numbered from 1 and never change.",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _message(cursor: int, text: str) -> Message:
    return msgspec.structs.replace(msgspec.json.decode(text, type=Message), cursor=cursor)
