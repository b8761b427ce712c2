"""The ledger on a Postgres server, which workers on several machines share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, PoolProxiedConnection

from qe_plugins import state_dir
from qe_plugins.journal import test_isolation
from qe_plugins.journal.database import connect, is_postgres, parsed, refusal, spelled
from qe_plugins.llm.ledger.connection import LedgerFile, create_tables
from qe_plugins.llm.ledger.cursor import Cursor, ServerCursor

WRITER = 0x716B
"""Key of the advisory lock that a writer holds: not the journal's, so that neither waits."""

BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITER})"
"""The beginning of a transaction, in one round trip: writers exclude each other."""

ANSWER = 30.0
"""Seconds that the server may take for a transaction, the wait for other writers included."""


def open_ledger(path: Path | None) -> LedgerFile | LedgerServer:
    """Open the ledger in the file `path`; without one, that of `QE_LEDGER_URL`, else of QE_HOME.

    Raises JournalError.
    """
    chosen = state_dir.ledger_url() if path is None else None
    if chosen is None:
        url = URL.create("sqlite", database=str(path or state_dir.state_dir() / "ledger.sqlite"))
    else:
        url = parsed(chosen, "QE_LEDGER_URL")
    test_isolation.keep_tests_out(url)
    where = spelled(url, "ledger")
    engine = connect(url, where)
    return (LedgerServer if is_postgres(url) else LedgerFile)(engine, where)


class LedgerServer:
    """An open ledger on a server. It connects again where the server was restarted."""

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine, self.where = engine, where
        create_tables(engine, where)
        self._connection: PoolProxiedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Yield a cursor in a transaction that no other writer shares, and commit it at the end.

        Raises JournalError where the server cannot be reached, fails or does not answer. Nothing of
        it is then there, unless the connection was lost during the commit.
        """
        with self._errors():
            raw = self._begun()
            try:
                cursor = ServerCursor(raw.cursor())
                yield cursor
                raw.execute("COMMIT")
            except BaseException:
                if not raw.closed:
                    raw.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Yield a cursor to read with, while others write. Raises JournalError."""
        with self._errors():
            yield ServerCursor(self._connected().cursor())

    def _begun(self) -> Any:
        known, raw = self._connection, self._connected()
        try:
            raw.execute(BEGIN)
        except self.engine.dialect.loaded_dbapi.OperationalError:
            if known is None or not raw.closed:
                raise
            raw = self._connected()  # the server was restarted since the last transaction
            raw.execute(BEGIN)
        return raw

    def _connected(self) -> Any:
        """Return the driver's connection, with a new deadline."""
        raw: Any = self._connection and self._connection.driver_connection
        if raw is None or raw.closed:
            self._disconnect()
            self._connection = self.engine.raw_connection()
            raw = self._connection.driver_connection
            raw.autocommit = True  # transactions begin with their lock
        raw.deadline = time.monotonic() + ANSWER
        return raw

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert errors of the server; a value that it cannot store is the caller's matter."""
        driver: Any = self.engine.dialect.loaded_dbapi
        try:
            yield
        except driver.DataError:
            raise
        except driver.Error as error:
            raise refusal(error, self.where) from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def close(self) -> None:
        """Close the connection."""
        self._disconnect()
        self.engine.dispose()
