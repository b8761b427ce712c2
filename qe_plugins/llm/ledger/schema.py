"""The ledger's tables. Money is in whole picodollars, so that sums are exact in SQL."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, MetaData, Table, Text

from qe_plugins.journal.database import INT64

metadata = MetaData()

prefixes = Table(  # what many requests share: all but the prompt
    "prefixes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("key", Text, primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("prompt", Text, nullable=False),
)

attempts = Table(  # one row a call, written before it is sent; `usd` is null until it is settled
    "attempts",
    metadata,
    Column("id", INT64, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("scan", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("rank", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("started_ns", INT64, nullable=False),
    Column("reserved", INT64, nullable=False),
    Column("status", Text, nullable=False),
    Column("finished_ns", INT64),
    Column("usd", INT64),
    Column("input", INT64, nullable=False, default=0),
    Column("cached", INT64, nullable=False, default=0),
    Column("output", INT64, nullable=False, default=0),
    Column("written", INT64, nullable=False, default=0),
    Index("attempts_of_a_scan", "scan", "status"),
)

answers = Table(  # only a `final` one answers the same request in another scan
    "answers",
    metadata,
    Column("id", INT64, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("answer", Text),
    Column("failure", Text),
    Column("detail", Text, nullable=False),
    Column("cutoff", Text),
    Column("usd", INT64, nullable=False),
    Column("input", INT64, nullable=False),
    Column("cached", INT64, nullable=False),
    Column("output", INT64, nullable=False),
    Column("written", INT64, nullable=False),
    Column("attempts", INT64, nullable=False),
    Column("started_ns", INT64, nullable=False),
    Column("finished_ns", INT64, nullable=False),
    Index("answers_to_a_request", "key", "finished_ns"),
)

uses = Table(  # which answer a scan went by, whether it asked for it or found it
    "uses",
    metadata,
    Column("scan", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("answer", INT64, nullable=False),
    sqlite_with_rowid=False,
)

spending = Table(  # of a day, a scan, a rank of a scan: settled, and in flight at worst case
    "spending",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("spent", INT64, nullable=False),
    Column("reserved", INT64, nullable=False),
)
