"""The version of a database, which shows a page whether another process has committed since."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text

from qe_plugins.errors import JournalError
from qe_plugins.journal.database import connect, is_postgres, one_line_errors, reading, spelled
from qe_plugins.journal.store import journal_place

ON_SERVER = """SELECT runs, open, pipeline, (SELECT coalesce(max(seq), 0) FROM mission_control),
    (SELECT coalesce(sum(facts), 0) FROM open_runs) FROM head"""
"""A query of five numbers, one of which changes with each write to the journal."""


class DatabaseVersion(Protocol):
    """A database whose version differs after each commit of another connection."""

    def read(self) -> Hashable:
        """Return the version now, None where there is no database yet."""

    def close(self) -> None:
        """Close its connection."""


class SqliteVersion:
    """A SQLite file's `data_version`, read without a transaction; the file may be missing.

    A look takes microseconds, so a poller may take one every quarter of a second.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None

    def read(self) -> Hashable:
        """Return the version now, None where there is no file yet. Raises JournalError."""
        with self._lock:
            try:
                inode = self._file.stat().st_ino
                if self._connection is None or inode != self._inode:
                    self._open(inode)
                assert self._connection is not None
                row = self._connection.execute("PRAGMA data_version").fetchone()
            except FileNotFoundError:
                self._close()
                return None
            except (sqlite3.Error, OSError) as error:
                self._close()
                hint = "Look at QE_HOME, and at the space on its disk."
                raise JournalError(f"{error}.", where=str(self._file), hint=hint) from error
            return (inode, int(row[0]))

    def _open(self, inode: int) -> None:
        self._close()
        self._connection = sqlite3.connect(
            f"{self._file.resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        self._inode = inode

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()


class ServerVersion:
    """The counts of a journal on Postgres."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine, self._where = engine, where

    def read(self) -> Hashable:
        """Return the counts now. Raises JournalError."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return tuple(connection.execute(text(ON_SERVER)).one())

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def journal_version(url: str | None = None) -> DatabaseVersion:
    """Return what notices changes of the journal at `url`, by default the user's."""
    place = journal_place(url)
    if is_postgres(place):
        return ServerVersion(connect(place, spelled(place)), spelled(place))
    return SqliteVersion(Path((place.database or "").removeprefix("file:")))
