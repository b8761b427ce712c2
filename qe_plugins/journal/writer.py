"""Insert one run into the journal, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, insert, select, update

from qe_plugins.errors import JournalError
from qe_plugins.journal import schema
from qe_plugins.journal.facts import Fact
from qe_plugins.journal.hash_chain import GENESIS, chained, run_link

BATCH = 5_000

type Row = tuple[Any, ...]
"""A fact as the columns of its table, in their order."""


def insert_run(
    connection: Connection, run_id: str, name: str, started: datetime, facts: Iterable[Fact]
) -> str:
    """Insert the facts, then the run that counts and chains them. Return its content hash."""
    _refuse_known(connection, run_id)
    count, content = _insert_facts(connection, run_id, in_causal_order(facts))
    written, previous = connection.execute(select(schema.head.c.runs, schema.head.c.hash)).one()
    values = (written + 1, run_id, name, _utc_text(started), count, content)
    last = run_link(previous, *values)
    connection.execute(insert(schema.runs).values((*values, previous, last)))
    connection.execute(update(schema.head).values(runs=written + 1, hash=last))
    return content


def in_causal_order(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Yield the facts. Raises JournalError for an id used twice and a cause that is not earlier."""
    known: set[str] = set()
    for fact in facts:
        if fact.id in known:
            raise JournalError(
                "the id is already taken.",
                where=f"fact {fact.id}",
                hint="Give each fact of a run an id of its own.",
            )
        if fact.cause is not None and fact.cause not in known:
            raise JournalError(
                f"the cause must be an earlier fact of the same run, was '{fact.cause}'.",
                where=f"fact {fact.id}",
                hint="Write a cause before what it caused.",
            )
        known.add(fact.id)
        yield fact


def _refuse_known(connection: Connection, run_id: str) -> None:
    query = select(schema.runs.c.run_id).where(schema.runs.c.run_id == run_id)
    if connection.execute(query).first() is not None:
        raise JournalError(
            "the run is already in the journal.",
            where=f"run {run_id}",
            hint="The journal only grows: give the new run another id.",
        )


def _insert_facts(connection: Connection, run_id: str, facts: Iterable[Fact]) -> tuple[int, str]:
    count, last = 0, GENESIS
    for batch in batched(chained(facts), BATCH, strict=False):
        rows = [
            _fact_row(run_id, seq, fact, body, last)
            for seq, (fact, body, last) in enumerate(batch, start=count + 1)
        ]
        _insert_rows(connection, rows)
        count, last = count + len(rows), rows[-1][-1]
    return count, last


def _insert_rows(connection: Connection, rows: list[Row]) -> None:
    """Insert rows of facts. SQLite's driver takes them as they are, nearly three times as fast."""
    statement = insert(schema.facts)
    if connection.dialect.name == "sqlite":
        text = str(statement.compile(dialect=connection.dialect))
        connection.exec_driver_sql(text, rows)
    else:
        names = schema.facts.c.keys()
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _fact_row(run_id: str, seq: int, fact: Fact, body: str, last: str) -> Row:
    kind = fact.kind.value
    return (run_id, seq, fact.id, kind, fact.ts_event, fact.source, fact.cause, body, last)


def _utc_text(started: datetime) -> str:
    if started.tzinfo is None:
        raise JournalError(
            f"the start must carry a time zone, was {started}.", hint="Use datetime.now(UTC)."
        )
    return started.astimezone(UTC).isoformat()
