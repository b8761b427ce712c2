"""`pipeline_journal`: append a row to its chain, read rows, verify them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, PipelineRow, Severity
from qe_plugins.journal.facts import Problem
from qe_plugins.journal.hash_chain import GENESIS, link
from qe_plugins.journal.schema import head, pipeline_journal
from qe_plugins.safe_text import redacted, writable

LONGEST = 2_000
"""Characters of a text; the rest is cut."""

TABLE = "pipeline_journal"


def append(connection: Connection, activity: PipelineEntry, at_ns: int) -> PipelineRow:
    """Append a row at `at_ns` (UTC nanoseconds, wall time), in a transaction without others."""
    count, last = connection.execute(select(head.c.pipeline, head.c.pipeline_hash)).one()
    values = msgspec.structs.asdict(activity)
    values |= {"text": _one_text(activity.text), "actor": _optional(activity.actor)}
    values |= {"kind": str(activity.kind), "severity": str(activity.severity)}
    row = {"seq": count + 1, "at_ns": at_ns} | values
    digest = link(last, *_hashed(row))
    connection.execute(insert(pipeline_journal).values(**row, hash=digest))
    connection.execute(update(head).values(pipeline=count + 1, pipeline_hash=digest))
    return msgspec.convert({**row, "hash": digest}, PipelineRow)


def rows(
    connection: Connection,
    *,
    after: int | None = None,
    before: int | None = None,
    kinds: Collection[ActivityKind] | None = None,
    severities: Collection[Severity] | None = None,
    run: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    word: str | None = None,
    limit: int = 200,
) -> list[PipelineRow]:
    """Return at most `limit` rows: the first after `after`, else the last before `before`.

    With `after` they are oldest first, otherwise newest first. The period from `since_ns` to
    before `until_ns` is of wall time; `word` is part of the text, in any case.
    """
    table = pipeline_journal.c
    query = select(pipeline_journal).limit(limit)
    query = query.order_by(table.seq if after is not None else table.seq.desc())
    if after is not None:
        query = query.where(table.seq > after)
    if before is not None:
        query = query.where(table.seq < before)
    if kinds is not None:
        query = query.where(table.kind.in_([str(kind) for kind in kinds]))
    if severities is not None:
        query = query.where(table.severity.in_([str(one) for one in severities]))
    if run is not None:
        query = query.where(table.run_id == run)
    if since_ns is not None:
        query = query.where(table.at_ns >= since_ns)
    if until_ns is not None:
        query = query.where(table.at_ns < until_ns)
    if word:
        query = query.where(table.text.icontains(word, autoescape=True))
    return [_row(row) for row in connection.execute(query)]


def problems(connection: Connection) -> Iterator[Problem]:
    """Yield what was changed, deleted, inserted or moved."""
    last, seq = GENESIS, 0
    query = select(pipeline_journal).order_by(pipeline_journal.c.seq)
    for row in connection.execute(query, execution_options={"yield_per": 10_000}):
        if row.seq != seq + 1:
            yield _problem("a row just before it was deleted", row.seq)
        elif row.hash != link(last, *_hashed(row._asdict())):
            yield _problem("it was changed, inserted or moved", row.seq)
        last, seq = row.hash, row.seq
    expected = connection.execute(select(head.c.pipeline, head.c.pipeline_hash)).all()
    if expected and expected != [(seq, last)]:
        yield _problem("it is not the last row written: one after it was deleted", seq)


def _hashed(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in pipeline_journal.c.keys()[:-1]]


def _row(row: Row[Any]) -> PipelineRow:
    return msgspec.convert(row, PipelineRow, from_attributes=True)


def _problem(what: str, seq: int) -> Problem:
    return Problem(run_id=TABLE, fact_id=str(seq), what=what)


def _one_text(text: str) -> str:
    return redacted(writable(" ".join(text.split())))[:LONGEST]


def _optional(text: str | None) -> str | None:
    return None if text is None else _one_text(text)
