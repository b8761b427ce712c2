"""The ledger's SQLite file: its tables, and its transactions.

Tables are described with SQLAlchemy. The statements of every call use the driver directly: a
transaction of a few calls would spend more time in SQLAlchemy than in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal import test_isolation
from qe_plugins.journal.database import connect, one_line_errors, spelled, writing
from qe_plugins.llm.ledger import schema

PAGES_BETWEEN_CHECKPOINTS = 8_000
"""About 32 MB, so that a page that many transactions change is copied to the file only once."""


class LedgerFile:
    """An open ledger file. Several processes may share it."""

    def __init__(self, path: Path | None = None) -> None:
        url = URL.create("sqlite", database=str(path or state_dir.state_dir() / "ledger.sqlite"))
        test_isolation.keep_tests_out(url)
        self.where = spelled(url)
        self.engine = connect(url, self.where)
        event.listen(self.engine, "connect", _commit_without_waiting_for_the_disk)
        with one_line_errors(self.where), writing(self.engine) as connection:
            schema.metadata.create_all(connection)
        self._connection = self.engine.raw_connection()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor in a transaction that no other writer shares, and commit it at the end.

        Raises JournalError where the file cannot be read or written; nothing of it is then there.
        """
        with self.reading() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if cursor.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor to read with, while others write. Raises JournalError."""
        cursor: sqlite3.Cursor = self._connection.cursor()  # type: ignore[assignment]  # SQLite's own
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


def _commit_without_waiting_for_the_disk(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_BETWEEN_CHECKPOINTS}")
    cursor.close()
