"""Insert one run into the journal, inside the caller's transaction."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import batched, chain, islice
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import sqlite

from qe_plugins.errors import JournalError
from qe_plugins.journal import schema
from qe_plugins.journal.facts import Fact
from qe_plugins.journal.hash_chain import GENESIS, chained, run_link

BATCH = 5_000
PREPARED = 50_000

type Link = tuple[Fact, str, str]
"""A fact, its body as stored, and its hash."""

type Row = tuple[Any, ...]
"""A fact as the columns of its table, in their order."""


def prepared(facts: Iterable[Fact]) -> Iterator[Link]:
    """Return the links of a run's chain, the first PREPARED of which are computed now.

    So other processes do not wait for them: see `insert_run`. Raises as `in_causal_order` does.
    """
    links = chained(in_causal_order(facts))
    return chain(list(islice(links, PREPARED)), links)


def insert_run(
    connection: Connection, run_id: str, name: str, started: datetime, links: Iterable[Link]
) -> str:
    """Insert the facts, then the run that counts and chains them. Return its content hash."""
    refuse_known(connection, run_id)
    count, content = _insert_facts(connection, run_id, links)
    chain_run(connection, run_id, name, utc_text(started), count, content)
    return content


def chain_run(
    connection: Connection, run_id: str, name: str, started: str, facts: int, content: str
) -> None:
    """Insert the row of a run whose facts are there, as the last of the chain of runs."""
    written, previous = connection.execute(select(schema.head.c.runs, schema.head.c.hash)).one()
    values = (written + 1, run_id, name, started, facts, content)
    last = run_link(previous, *values)
    connection.execute(insert(schema.runs).values((*values, previous, last)))
    connection.execute(update(schema.head).values(runs=written + 1, hash=last))


def in_causal_order(facts: Iterable[Fact], earlier: Collection[str] = ()) -> Iterator[Fact]:
    """Yield the facts; those with the ids `earlier` are before them.

    Raises JournalError for an id used twice and a cause that is not earlier.
    """
    known = set(earlier)
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


def refuse_known(connection: Connection, run_id: str) -> None:
    """Raise JournalError for a run in the journal, closed or open."""
    for table in (schema.runs, schema.open_runs):
        query = select(table.c.run_id).where(table.c.run_id == run_id)
        if connection.execute(query).first() is not None:
            raise JournalError(
                "the run is already in the journal.",
                where=f"run {run_id}",
                hint="The journal only grows: give the new run another id.",
            )


def _insert_facts(connection: Connection, run_id: str, links: Iterable[Link]) -> tuple[int, str]:
    count, last = 0, GENESIS
    for batch in batched(links, BATCH, strict=False):
        insert_links(connection, run_id, batch, count)
        count, last = count + len(batch), batch[-1][-1]
    return count, last


def insert_links(connection: Connection, run_id: str, links: Sequence[Link], count: int) -> None:
    """Insert facts after the first `count` of a run."""
    rows = [
        _fact_row(run_id, seq, fact, body, last)
        for seq, (fact, body, last) in enumerate(links, start=count + 1)
    ]
    _insert_rows(connection, rows)


def _insert_rows(connection: Connection, rows: list[Row]) -> None:
    """Insert rows of facts. SQLite's driver takes them as they are, nearly three times as fast."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_insert_text(), rows)
    else:
        names = schema.facts.c.keys()
        given = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(insert(schema.facts), given)


@functools.cache
def _insert_text() -> str:
    """Return the statement for SQLite's driver, compiled once: an order waits for it."""
    return str(insert(schema.facts).compile(dialect=sqlite.dialect()))


def _fact_row(run_id: str, seq: int, fact: Fact, body: str, last: str) -> Row:
    kind = fact.kind.value
    return (run_id, seq, fact.id, kind, fact.ts_event, fact.source, fact.cause, body, last)


def utc_text(started: datetime) -> str:
    """Return a time as stored: UTC, ISO. Raises JournalError for one without a time zone."""
    if started.tzinfo is None:
        raise JournalError(
            f"the start must carry a time zone, was {started}.", hint="Use datetime.now(UTC)."
        )
    return started.astimezone(UTC).isoformat()
