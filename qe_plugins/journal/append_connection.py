"""The connection of a session's appends, whose waits are bounded."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from qe_plugins.errors import JournalError

POLL = 2
"""Milliseconds between two looks for the lock of SQLite."""


class AppendConnection:
    """One connection, open from the first append on and again after an error.

    A transaction takes at most `timeout` seconds from `start_clock`: of waiting for another writer
    on SQLite, for the server on Postgres.
    """

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine, self._timeout = engine, timeout
        self._connection: Connection | None = None
        self._durable: bool | None = None
        self._deadline = 0.0

    def start_clock(self) -> None:
        """Begin to count the time that the next transactions may take."""
        self._deadline = time.monotonic() + self._timeout

    @property
    def late(self) -> bool:
        """Return whether that time has passed."""
        return time.monotonic() >= self._deadline

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[Connection]:
        """Yield the connection in a transaction, committed at the end.

        A durable one is on the disk then, with all before it. On SQLite any other outlives the
        process, and is lost with the machine's power; Postgres has no such level.
        """
        try:
            connection = self._ready(durable)
            with connection.begin():
                yield connection
        except JournalError:
            raise
        except BaseException:
            self.close()
            raise

    def _ready(self, durable: bool) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(begun=True)
            self._durable = None
        raw = self._connection.connection.driver_connection
        assert raw is not None
        if self._engine.dialect.name != "sqlite":
            raw.deadline = self._deadline
            return self._connection
        if self._durable is None:
            raw.execute(f"PRAGMA busy_timeout = {POLL}")
        if self._durable != durable:
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._lock(raw)
        return self._connection

    def _lock(self, raw: Any) -> None:
        """Begin a transaction as soon as no other process is in one.

        SQLite itself would look ten times a second, and miss the moments between two backtests.
        """
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or self.late:
                    raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error
            else:
                return

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
            connection.close()
