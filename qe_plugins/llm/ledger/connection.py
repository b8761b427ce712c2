"""The ledger's SQLite file: its tables, and its transactions.

Tables are described with SQLAlchemy. The statements of every call use the driver directly: a
transaction of a few calls would spend more time in SQLAlchemy than in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from qe_plugins.errors import JournalError
from qe_plugins.journal.database import one_line_errors, writing
from qe_plugins.llm.ledger import schema
from qe_plugins.llm.ledger.cursor import Cursor

PAGES_BETWEEN_CHECKPOINTS = 8_000
"""About 32 MB, so that a page that many transactions change is copied to the file only once."""


class LedgerFile:
    """An open ledger file. Several processes may share it."""

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine, self.where = engine, where
        event.listen(self.engine, "connect", _commit_without_waiting_for_the_disk)
        create_tables(engine, where)
        self._connection = self.engine.raw_connection()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Yield a cursor in a transaction that no other writer shares, and commit it at the end.

        Raises JournalError where the file cannot be read or written; nothing of it is then there.
        """
        with self.reading() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.driver_connection.in_transaction:  # type: ignore[union-attr]
                    cursor.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Yield a cursor to read with, while others write. Raises JournalError."""
        cursor: Any = self._connection.cursor()
        try:
            yield cursor
        except sqlite3.Error as error:
            raise self._journal_error(error) from error
        finally:
            cursor.close()

    def _journal_error(self, error: sqlite3.Error) -> JournalError:
        hint = "Look at QE_HOME, and at the space on its disk."
        return JournalError(f"{error}.", where=self.where, hint=hint)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self.engine.dispose()


def create_tables(engine: Engine, where: str) -> None:
    """Create the tables that are missing. Raises JournalError."""
    with one_line_errors(where), writing(engine) as connection:
        schema.metadata.create_all(connection)


def _commit_without_waiting_for_the_disk(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_BETWEEN_CHECKPOINTS}")
    cursor.close()
