"""The journal's tables, their version, which is stored in the journal, and its migrations."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

from qe_plugins.errors import JournalError
from qe_plugins.journal.database import INT64, reading, writing
from qe_plugins.journal.file_state import NEWEST
from qe_plugins.journal.hash_chain import GENESIS

metadata = MetaData()

head = Table(  # one row; it reveals that the last run, or an open one, was deleted
    "head",
    metadata,
    Column("version", Integer, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("open", Integer, nullable=False, server_default="0"),
    Column("pipeline", Integer, nullable=False, server_default="0"),
    Column("pipeline_hash", Text, nullable=False, server_default=GENESIS),
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
    Column("ts_event", INT64, nullable=False),
    Column("source", Text, nullable=False),
    Column("cause", Text),
    Column("body", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

open_runs = Table(  # `facts`, `hash` and `seal` are renewed in the transaction of each append
    "open_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("started", Text, nullable=False),
    Column("facts", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("seal", Text, nullable=False),  # covers all columns to its left
    Column("appended", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", Text, nullable=False),
    sqlite_strict=True,
)

open_ids = Table(  # the facts of open runs: finds an id or a cause without an index on all facts
    "open_ids",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

pipeline_journal = Table(  # what processes did, by wall time, which facts do not have
    "pipeline_journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ns", INT64, nullable=False),
    Column("process", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("actor", Text),
    Column("run_id", Text),
    Column("fact_id", Text),
    Column("scan_id", Text),
    Column("href", Text),
    Column("hash", Text, nullable=False),  # covers all columns to its left and the row before
    sqlite_strict=True,
)

mission_control = Table(  # one row for each change of an item's state
    "mission_control",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("item", Text, nullable=False),
    Column("at_ns", INT64, nullable=False),
    Column("day", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("href", Text),
    Column("minutes", Integer),
    Column("until_ns", INT64),
    Index("mission_control_item", "item", "seq"),
    sqlite_strict=True,
)

INDEXES = (
    Index("facts_kind_ts_event", facts.c.kind, facts.c.ts_event),
    Index("facts_ts_event", facts.c.ts_event),
    Index("pipeline_journal_at", pipeline_journal.c.at_ns),
)
"""Indexes by which pages of facts are read; SQLite adds the primary key to each."""


def _add_open_runs(connection: Connection) -> None:
    metadata.create_all(connection, tables=[open_runs, open_ids])
    connection.execute(text("ALTER TABLE head ADD COLUMN open INTEGER NOT NULL DEFAULT 0"))


def _add_activity(connection: Connection) -> None:
    """Add the tables of the Observatory, and the indexes of its pages."""
    metadata.create_all(connection, tables=[pipeline_journal, mission_control])
    connection.execute(text("ALTER TABLE head ADD COLUMN pipeline INTEGER NOT NULL DEFAULT 0"))
    connection.execute(
        text(f"ALTER TABLE head ADD COLUMN pipeline_hash TEXT NOT NULL DEFAULT '{GENESIS}'")
    )
    for index in INDEXES:
        index.create(connection, checkfirst=True)


STEPS: tuple[Callable[[Connection], None], ...] = (_add_open_runs, _add_activity)
"""The migrations, oldest first: that of version 1 to 2, and so on."""


def ensure_newest(engine: Engine) -> None:
    """Migrate the journal to the newest version, once, also when many processes open it.

    Raises JournalError where a newer program has written it.
    """
    with reading(engine) as connection:
        newest = _version(connection) == NEWEST
    if not newest:
        with writing(engine) as connection:
            _migrate(connection)


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(head.name):
        return 0
    version = connection.execute(select(head.c.version)).scalars().all()
    if len(version) != 1 or not isinstance(version[0], int) or version[0] < 1:
        raise JournalError(
            "the journal does not say of which version it is.",
            hint="It was changed after it was written: restore it from a backup.",
        )
    if version[0] > NEWEST:
        raise JournalError(
            f"the journal's schema must be at most {NEWEST}, was {version[0]}.",
            hint="A newer version of this program wrote it: upgrade quant-engine.",
        )
    return version[0]


def _migrate(connection: Connection) -> None:
    version = _version(connection)
    if version == 0:
        metadata.create_all(connection)
        connection.execute(insert(head).values(version=NEWEST, runs=0, hash=GENESIS, open=0))
        return
    for step in STEPS[version - 1 :]:
        step(connection)
    connection.execute(update(head).values(version=NEWEST))
