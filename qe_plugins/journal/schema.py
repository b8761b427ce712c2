"""The journal's tables, their version, which is stored in the journal, and its migrations."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)

from qe_plugins.errors import JournalError
from qe_plugins.journal.database import reading, writing
from qe_plugins.journal.hash_chain import GENESIS

metadata = MetaData()
NANOSECONDS = BigInteger().with_variant(Integer, "sqlite")  # its INTEGER has 64 bits already

head = Table(  # one row; `runs` and `hash` reveal that the last run was deleted
    "head",
    metadata,
    Column("version", Integer, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_strict=True,  # so that `verify` can rely on the types of changed values
)

runs = Table(
    "runs",
    metadata,
    Column("seq", Integer, nullable=False, unique=True),
    Column("run_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("started", Text, nullable=False),
    Column("facts", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_strict=True,
)

facts = Table(
    "facts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ts_event", NANOSECONDS, nullable=False),
    Column("source", Text, nullable=False),
    Column("cause", Text),
    Column("body", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(insert(head).values(version=0, runs=0, hash=GENESIS))


STEPS: tuple[Callable[[Connection], None], ...] = (_first_tables,)
"""The migrations, oldest first. A journal's version is the number of steps applied to it."""


def ensure_newest(engine: Engine) -> None:
    """Migrate the journal to the newest version, once, also when many processes open it.

    Raises JournalError where a newer program has written it.
    """
    with reading(engine) as connection:
        steps_to_take = _missing_steps(connection)
    if steps_to_take:
        with writing(engine) as connection:
            _migrate(connection)


def _missing_steps(connection: Connection) -> tuple[Callable[[Connection], None], ...]:
    taken = _version(connection)
    if taken > len(STEPS):
        raise JournalError(
            f"the journal's schema must be at most {len(STEPS)}, was {taken}.",
            hint="A newer version of this program wrote it: upgrade quant-engine.",
        )
    return STEPS[taken:]


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(head.name):
        return 0
    version = connection.execute(select(head.c.version)).scalars().all()
    if len(version) != 1 or not isinstance(version[0], int) or version[0] < 0:
        raise JournalError(
            "the journal does not say of which version it is.",
            hint="It was changed after it was written: restore it from a backup.",
        )
    return version[0]


def _migrate(connection: Connection) -> None:
    for step in _missing_steps(connection):
        step(connection)
    connection.execute(update(head).values(version=len(STEPS)))
