"""The ledger's file: opened once, its tables in place, and one transaction after another on it.

Tables are described with SQLAlchemy. What every call of a scan goes through speaks to the driver
itself: a transaction of a few calls would spend more time in the toolkit than in SQLite.
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
"""Some 32 MB: a page that many transactions change is then copied into the file only once."""


class LedgerFile:
    """An open ledger file. Several processes may share it."""

    def __init__(self, path: Path | None = None) -> None:
        url = URL.create("sqlite", database=str(path or state_dir.state_dir() / "ledger.sqlite"))
        test_isolation.keep_tests_out(url)
        self.engine, self.where = connect(url), spelled(url)
        event.listen(self.engine, "connect", _commit_without_waiting_for_the_disk)
        with one_line_errors(self.where), writing(self.engine) as connection:
            schema.metadata.create_all(connection)
        self._held = self.engine.raw_connection()

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
        """Yield a cursor to read with, while others write. Raises JournalError as above."""
        cursor: sqlite3.Cursor = self._held.cursor()  # type: ignore[assignment]  # SQLite's own
        try:
            yield cursor
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        finally:
            cursor.close()

    def _refusal(self, error: sqlite3.Error) -> JournalError:
        hint = "Look at QE_HOME, and at the space on its disk."
        return JournalError(f"{error}.", where=self.where, hint=hint)

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()
        self.engine.dispose()


def _commit_without_waiting_for_the_disk(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_BETWEEN_CHECKPOINTS}")
    cursor.close()
