"""The bus: messages of coordinators in an SQLite outbox that keeps all of them.

A message that is published twice (after a crash) is stored once; messages are read in the order of
their sender. A reader that acknowledges under its own name receives each at least once.
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


BATCH = 1_000
"""Messages read at a time: the outbox of a year does not fit into memory."""


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Fields of every message. `coverage` is of the workers asked; `reason` is a model's text."""

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
    """A hunter's findings: targets by strength. Neither an order nor a signal."""

    targets: tuple[RankedTarget, ...]


class PostureBody(Body, frozen=True, kw_only=True, tag="posture"):
    """A guardian's posture: the part of the usual risk to allow, or a halt."""

    halt: bool
    risk: float


class ReportBody(Body, frozen=True, kw_only=True, tag="report"):
    """Report of an analyst or a synthesis about its part of the tree."""

    targets: tuple[RankedTarget, ...]


class ObjectionBody(Body, frozen=True, kw_only=True, tag="objection"):
    """An arbiter's objection to findings: targets that its own score is against."""

    targets: tuple[RankedTarget, ...]


class RequestBody(Body, frozen=True, kw_only=True, tag="request"):
    """A coordinator below its quorum requests the answers it lacks."""

    missing: dict[str, int]


type AnyBody = FindingBody | PostureBody | ReportBody | ObjectionBody | RequestBody
type Kind = Literal["finding", "posture", "report", "objection", "request"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `sequence` counts its sender's messages within a scan, from 1.

    `cursor` is its position in the outbox, 0 before it is stored.
    """

    scan: str
    sender: str
    role: Role
    sequence: int
    body: AnyBody
    cursor: int = 0

    @property
    def dedupe(self) -> str:
        """Return the id by which a message published twice is recognised."""
        content = msgspec.json.encode([self.scan, self.sender, self.sequence, self.body])
        return hashlib.sha256(content).hexdigest()

    @property
    def kind(self) -> str:
        """Return the kind: finding, posture, report, objection or request."""
        return str(self.body.__struct_config__.tag)


class Outbox:
    """An open outbox: a context manager, or `close` it. Several processes may share the file."""

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
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, message: Message) -> int:
        """Write a message, once, and return its cursor.

        Raises FleetError where its sender has another message under that number, or none under the
        number before.
        """
        with self._transaction():
            known = self._find_cursor("dedupe = ?", message.dedupe)
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
        self, after: int = 0, scan: str | None = None, limit: int | None = None
    ) -> list[Message]:
        """Return the messages after a cursor, of one scan or of all, in order.

        At most `limit` messages, by default all.
        """
        query, values = "SELECT cursor, message FROM outbox WHERE cursor > ?", [after]
        chosen: list[Any] = [*values, scan] if scan else [*values]
        if scan:
            query += " AND scan = ?"
        chosen.append(-1 if limit is None else limit)  # -1 is no limit to SQLite
        rows = self._db.execute(f"{query} ORDER BY cursor LIMIT ?", chosen)
        return [_decode_message(cursor, text) for cursor, text in rows]

    def scans(self) -> list[str]:
        """Return the scans and sessions with messages, by their ids."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT scan FROM outbox")]

    def last(self) -> int:
        """Return the cursor of the newest message, 0 where there is none."""
        return int(self._db.execute("SELECT coalesce(max(cursor), 0) FROM outbox").fetchone()[0])

    def unread(self, reader: str, limit: int | None = None) -> list[Message]:
        """Return a reader's unacknowledged messages, at most `limit`, by default all."""
        row = self._db.execute("SELECT cursor FROM readers WHERE name = ?", (reader,)).fetchone()
        return self.read(row[0] if row else 0, limit=limit)

    def acknowledge(self, reader: str, message: Message) -> None:
        """Record that a reader has processed a message and all before it."""
        self._db.execute(
            "INSERT INTO readers VALUES (?, ?) ON CONFLICT (name)"
            " DO UPDATE SET cursor = max(cursor, excluded.cursor)",
            (reader, message.cursor),
        )

    def _find_cursor(self, condition: str, *values: object) -> int | None:
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
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _decode_message(cursor: int, text: str) -> Message:
    return msgspec.structs.replace(msgspec.json.decode(text, type=Message), cursor=cursor)
