"""The journal's three tables: facts, the runs they belong to, and the head of the runs' chain."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata = MetaData()
NANOSECONDS = BigInteger().with_variant(Integer, "sqlite")  # its INTEGER has 64 bits already

head = Table(  # one row; `runs` and `hash` are what a deleted last run cannot take with it
    "head",
    metadata,
    Column("version", Integer, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_strict=True,  # an audit can then rely on the types of what somebody changed
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
