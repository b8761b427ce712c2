"""Connections to Postgres, whose waits can be bounded. Imported only where a URL names Postgres."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Engine, event

SYNCHRONOUS = """SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'"""
"""A commit is on the server's disk, also where the server's own default is another."""


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is closed where the server has not answered by `deadline`.

    A server that hangs answers nothing, and TCP takes it for alive. `deadline` is on the clock of
    `time.monotonic`; None is no bound.
    """

    deadline: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server. Raises psycopg.OperationalError at the deadline."""
        if self.deadline is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(self.deadline - time.monotonic(), 0.001))
        except psycopg.OperationalError as error:
            if time.monotonic() < self.deadline:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from error


def prepare(engine: Engine, timeout: float) -> None:
    """Let an engine open such connections, which commit to the disk.

    `timeout` bounds what SQLAlchemy asks of a new connection, in seconds.
    """

    def connect(_dialect: object, _record: object, args: Any, options: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*args, **options)
        connection.deadline = time.monotonic() + timeout
        return connection

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _commit_to_the_disk)


def _commit_to_the_disk(connection: Any, _record: object) -> None:
    connection.execute(SYNCHRONOUS)
    connection.commit()
    connection.deadline = None
