"""What the ledger knows: recorded answers, exact requests, costs, calls never settled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, case, func, select

from qe_plugins.llm.ledger import tables
from qe_plugins.llm.ledger.records import CostRow, Sent, dollars
from qe_plugins.llm.ledger.writing import IN_FLIGHT, chunks
from qe_plugins.llm.records import Failure, Request, Settled, Usage

GROUPS = ("rank", "model", "role", "scan", "day")


def used_by(connection: Connection, scan: str, keys: Iterable[str]) -> dict[str, Settled]:
    """Return the answers and failures that a scan goes by, by key."""
    found: dict[str, Settled] = {}
    for names in chunks(list(keys)):
        query = (
            select(tables.answers)
            .join(tables.uses, tables.uses.c.answer == tables.answers.c.id)
            .where(tables.uses.c.scan == scan, tables.uses.c.key.in_(names))
        )
        found |= {row.key: settled(row) for row in connection.execute(query)}
    return found


def latest(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[int, Settled]]:
    """Return the youngest final answer to each key, with its id."""
    found: dict[str, tuple[int, Settled]] = {}
    for names in chunks(list(keys)):
        query = (
            select(tables.answers)
            .where(tables.answers.c.key.in_(names), tables.answers.c.final)
            .order_by(tables.answers.c.key, tables.answers.c.finished_ns)
        )
        found |= {row.key: (row.id, settled(row)) for row in connection.execute(query)}
    return found


def settled(row: Row[Any]) -> Settled:
    """Return a row of answers as it was settled, marked as found."""
    return Settled(
        key=row.key,
        provider=row.provider,
        model=row.model,
        answer=row.answer,
        failure=None if row.failure is None else Failure(row.failure),
        detail=row.detail,
        usage=Usage(row.input, row.cached, row.output, row.written),
        usd=dollars(row.usd),
        cutoff=row.cutoff,
        started_ns=row.started_ns,
        finished_ns=row.finished_ns,
        attempts=row.attempts,
        replayed=True,
    )


def request(connection: Connection, key: str) -> Request | None:
    """Return the exact request of a key, without who asked it."""
    query = (
        select(tables.prefixes.c.body, tables.requests.c.prompt)
        .join(tables.requests, tables.requests.c.prefix == tables.prefixes.c.hash)
        .where(tables.requests.c.key == key)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    shared = msgspec.json.decode(row.body, type=Request)
    return msgspec.structs.replace(shared, prompt=row.prompt)


def sent(connection: Connection, scan: str) -> Sent:
    """Return what a scan has sent so far, by whichever process."""
    attempts = tables.attempts.c
    query = select(
        func.count().label("calls"),
        func.count(attempts.key.distinct()).label("requests"),
        func.coalesce(func.sum(case((attempts.usd > 0, 1), else_=0)), 0).label("paid"),
        func.coalesce(func.sum(attempts.usd), 0).label("usd"),
    ).where(attempts.scan == scan)
    row = connection.execute(query).one()
    return Sent(calls=row.calls, requests=row.requests, paid=row.paid, usd=dollars(row.usd))


def costs(connection: Connection, by: str, scan: str | None) -> list[CostRow]:
    """Return what calls cost, grouped by one of GROUPS, in its order."""
    sent, group = tables.attempts.c, tables.attempts.c[by]
    is_open = sent.status == IN_FLIGHT
    query = (
        select(
            group.label("name"),
            func.count().label("calls"),
            func.sum(case((is_open, 1), else_=0)).label("open"),
            func.coalesce(func.sum(sent.usd), 0).label("usd"),
            func.sum(case((is_open, sent.reserved), else_=0)).label("in_doubt"),
            *(func.sum(sent[name]).label(name) for name in Usage.__struct_fields__),
        )
        .where(sent.scan == scan if scan is not None else and_(True))
        .group_by(group)
        .order_by(group)
    )
    return [_cost_row(row) for row in connection.execute(query)]


def _cost_row(row: Row[Any]) -> CostRow:
    return CostRow(
        group=row.name,
        calls=row.calls,
        open=row.open,
        usd=dollars(row.usd),
        in_doubt=dollars(row.in_doubt),
        usage=Usage(row.input, row.cached, row.output, row.written),
    )
