"""Verify the journal: recompute every hash chain and report what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, func, select

from qe_plugins.journal.facts import Problem
from qe_plugins.journal.hash_chain import GENESIS, fact_link, run_link
from qe_plugins.journal.open_runs import seal
from qe_plugins.journal.schema import facts, head, open_runs, runs


def problems(connection: Connection) -> list[Problem]:
    """Return what was changed, deleted, inserted or moved: first of the runs, then of the facts."""
    rows = connection.execute(select(runs).order_by(runs.c.seq)).all()
    tops = connection.execute(select(head.c.runs, head.c.hash)).all()
    unended = connection.execute(select(open_runs)).all()
    return [
        *_broken_runs(rows, tops),
        *_broken_open_runs(connection, unended),
        *_broken_facts(connection, {row.run_id: _End(row) for row in (*rows, *unended)}),
    ]


def counts(connection: Connection) -> tuple[int, int]:
    """Return the number of closed runs, and of all facts."""
    both = [select(func.count()).select_from(table) for table in (runs, facts)]
    of_runs, of_facts = (connection.execute(query).scalar_one() for query in both)
    return of_runs, of_facts


def _broken_runs(rows: Sequence[Row[Any]], tops: Sequence[object]) -> Iterator[Problem]:
    written, last, last_id = 0, GENESIS, "(none)"
    for row in rows:
        values = (row.seq, row.run_id, row.name, row.started, row.facts, row.content_hash)
        if row.previous_hash != last:
            yield _problem(row.run_id, "the run written before it was deleted, moved or changed")
        elif row.hash != run_link(last, *values):
            yield _problem(row.run_id, "its row was changed")
        written, last, last_id = row.seq, row.hash, row.run_id
    if tops != [(written, last)]:
        yield _problem(last_id, "it is not the last run written: one after it was deleted")


def _broken_open_runs(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Problem]:
    for row in rows:
        if row.seal != seal(row):
            yield _problem(row.run_id, "its row was changed")
    expected = connection.execute(select(head.c.open)).scalars().all()
    if expected and expected != [len(rows)]:
        yield _problem("(open)", f"there must be {expected[0]} open runs, was {len(rows)}")


class _End:
    """Number and last hash of the facts that a run's row claims, and how to name them."""

    def __init__(self, row: Row[Any]) -> None:
        self.run_id, self.facts = row.run_id, row.facts
        closed = hasattr(row, "content_hash")
        self.hash = row.content_hash if closed else row.hash
        self.name = "content hash" if closed else "last hash"


def _broken_facts(connection: Connection, known: dict[str, _End]) -> Iterator[Problem]:
    lines = connection.execute(
        select(facts).order_by(facts.c.run_id, facts.c.seq),
        execution_options={"yield_per": 10_000},
    )
    met = set()
    for run_id, group in groupby(lines, attrgetter("run_id")):
        met.add(run_id)
        if run_id in known:
            yield from _broken_chain(known[run_id], group)
        else:
            yield _problem(run_id, "its row was deleted, its facts are still here")
    for run_id, run in known.items():
        if run.facts and run_id not in met:
            yield _problem(run_id, "all its facts were deleted")


def _broken_chain(run: _End, group: Iterable[Row[Any]]) -> Iterator[Problem]:
    last, seq, last_id = GENESIS, 0, None
    for row in group:
        if row.seq != seq + 1:
            yield _problem(run.run_id, "a fact just before it was deleted or moved", row.id)
        elif row.hash != fact_link(last, row, row.body):
            yield _problem(run.run_id, "it was changed, inserted or moved", row.id)
        last, seq, last_id = row.hash, row.seq, row.id
    if seq < run.facts:
        yield _problem(run.run_id, "facts after it were deleted", last_id)
    elif last != run.hash:
        yield _problem(run.run_id, f"its facts do not add up to its {run.name}")


def _problem(run_id: str, what: str, fact_id: str | None = None) -> Problem:
    return Problem(run_id=run_id, fact_id=fact_id, what=what)
