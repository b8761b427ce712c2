"""The journal's database: SQLite or Postgres, any number of readers, one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Integer,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from qe_plugins.errors import JournalError
from qe_plugins.journal.file_state import WAIT

CONNECT_TIMEOUT = 5
"""Seconds to connect to Postgres, unless the URL says `connect_timeout`."""

WRITER = 0x716A
"""Key of the advisory lock that a writer holds on Postgres."""

MOST_VALUES = 500
"""Values in one query that every build of SQLite accepts."""

INT64 = BigInteger().with_variant(Integer, "sqlite")
"""A column of whole numbers of 64 bits, which SQLite's INTEGER has already."""


def connect(url: URL, where: str) -> Engine:
    """Return an engine for `url`; the folder of a SQLite file is created. `where` is for errors.

    Raises JournalError for a folder that cannot be created and a driver that is not installed.
    """
    try:
        if is_postgres(url):
            return _postgres(url)
        engine = create_engine(url)
        if engine.dialect.name == "sqlite" and url.database:
            _private(Path(url.database))
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise refusal(error, where) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _private(file: Path) -> None:
    """Create a database's file, readable to its owner alone; SQLite's other files inherit it."""
    if str(file).startswith((":", "file:")):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    if file.stat().st_mode & 0o077:
        with suppress(OSError):  # another user's
            file.chmod(0o600)


def is_postgres(url: URL) -> bool:
    """Return whether a URL names a Postgres server."""
    return url.get_backend_name() in ("postgresql", "postgres")


def _postgres(url: URL) -> Engine:
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=timeout, pool_pre_ping=True
    )
    from qe_plugins.journal import postgres  # after SQLAlchemy has looked for the driver

    postgres.prepare(engine, CONNECT_TIMEOUT)
    return engine


def parsed(text: str, variable: str) -> URL:
    """Return the database URL that `text` is; `variable` is the one that names it.

    Raises JournalError, without the text, which may hold a password.
    """
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        name = variable.removeprefix("QE_").removesuffix("_URL").lower()
        raise JournalError(
            f"{variable} is not a database URL.",
            hint=f"Write it as sqlite:///path/to/{name}.sqlite or postgresql://user@host/name.",
        ) from error


def spelled(url: URL, what: str = "journal") -> str:
    """Return the URL for messages, without its password."""
    return f"{what} {url.render_as_string(hide_password=True)}"


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {WAIT * 1000:.0f}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("begun", False):
        return
    writes = options.get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees the journal as of its first query."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that excludes other writers from its start."""
    with engine.connect() as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            lock_writers(connection)
            yield connection


def lock_writers(connection: Connection) -> None:
    """Exclude other writers until the end of the transaction; on SQLite its start has done so."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": WRITER})


@contextmanager
def one_line_errors(where: str) -> Iterator[None]:
    """Convert errors of the database to a JournalError at `where`."""
    try:
        yield
    except DBAPIError as error:
        raise refusal(error.orig or error, where) from error
    except (SQLAlchemyError, UnicodeError) as error:  # the driver raises the latter as it is
        raise refusal(error, where) from error


def refusal(error: BaseException, where: str) -> JournalError:
    """Return an error of the database as one line; `where` begins with `journal` or `ledger`."""
    said = " ".join(str(error).split()).rstrip(".")
    variable = f"QE_{where.partition(' ')[0].upper()}_URL"
    hint = f"Look at QE_HOME and {variable}."
    if isinstance(error, ModuleNotFoundError):
        hint = "Install the driver: `uv sync --extra postgres`."
    elif "postgres" in where.partition(":")[0]:
        hint = f"Look at {variable}, and whether the server runs."
    return JournalError(f"{said}.", where=where, hint=hint)
