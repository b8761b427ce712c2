"""Queries of the ledger: recorded answers, exact requests, costs, calls in doubt."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, case, cast, func, select

from qe_plugins.journal.database import INT64
from qe_plugins.llm.ledger import schema
from qe_plugins.llm.ledger.cursor import Cursor
from qe_plugins.llm.ledger.in_doubt import DIED
from qe_plugins.llm.ledger.records import CostRow, LastCall, ScanUsage, dollars
from qe_plugins.llm.ledger.statements import IN_FLIGHT, chunks, marks
from qe_plugins.llm.requests import Answer, Failure, Request, Usage

GROUPS = ("rank", "model", "role", "scan", "day")
ZERO = Decimal(0)


ANSWER = ", ".join(f"answers.{column.name}" for column in schema.answers.columns)
USED = f"SELECT {ANSWER} FROM uses JOIN answers ON answers.id = uses.answer WHERE uses.scan = ?"
LATEST = f"SELECT {ANSWER} FROM answers WHERE final AND (failure IS NULL OR failure = 'refused')"
"""Answers that another scan may use: a blank or invalid one may be due to the provider's state at
that moment, while a refusal is the model's answer."""

REASONS = """SELECT answers.failure, answers.detail, count(*) AS often FROM uses
    JOIN answers ON answers.id = uses.answer
    WHERE uses.scan = ? AND answers.failure IS NOT NULL
    GROUP BY answers.failure, answers.detail ORDER BY often DESC, answers.detail LIMIT 20"""


NODES = """SELECT attempts.node, attempts.key, answers.answer, answers.failure
    FROM attempts LEFT JOIN uses ON uses.scan = attempts.scan AND uses.key = attempts.key
    LEFT JOIN answers ON answers.id = uses.answer
    WHERE attempts.scan = ? ORDER BY attempts.id"""


def nodes(cursor: Cursor, scan: str) -> dict[str, LastCall]:
    """Return the last call of each node of a scan so far, by its id."""
    rows = cursor.execute(NODES, [scan])
    return {node: LastCall(*rest) for node, *rest in rows}


def used(cursor: Cursor, scan: str) -> dict[str, Answer]:
    """Return all the answers and failures that a scan uses, by key."""
    return {row[1]: settled(*row) for row in cursor.execute(USED, [scan])}


def reasons(cursor: Cursor, scan: str) -> list[tuple[str, str, int]]:
    """Return why a scan lacks answers: failure, detail, how often; the commonest first."""
    return cursor.execute(REASONS, [scan]).fetchall()


def first_served(cursor: Cursor, model: str) -> int | None:
    """Return when a model first answered, UTC ns of wall time; None where it never did."""
    query = "SELECT min(started_ns) FROM answers WHERE model = ? AND failure IS NULL"
    found: int | None = cursor.execute(query, [model]).fetchall()[0][0]
    return found


def used_by(cursor: Cursor, scan: str, keys: Iterable[str]) -> dict[str, Answer]:
    """Return the answers and failures that a scan uses for `keys`, by key."""
    found: dict[str, Answer] = {}
    for names in chunks(list(keys)):
        rows = cursor.execute(f"{USED} AND uses.key IN ({marks(names)})", [scan, *names])
        found |= {row[1]: settled(*row) for row in rows}
    return found


def latest(cursor: Cursor, keys: Iterable[str]) -> dict[str, tuple[int, Answer]]:
    """Return the youngest final answer to each key, with its id."""
    found: dict[str, tuple[int, Answer]] = {}
    for names in chunks(list(keys)):
        query = f"{LATEST} AND key IN ({marks(names)}) ORDER BY key, finished_ns"
        found |= {row[1]: (row[0], settled(*row)) for row in cursor.execute(query, names)}
    return found


def settled(
    _id: int,
    key: str,
    _final: int,
    provider: str,
    model: str,
    answer: str | None,
    failure: str | None,
    detail: str,
    cutoff: str | None,
    usd: int,
    *counts: int,
) -> Answer:
    """Return a row of answers as an `Answer`, marked as replayed."""
    *usage, attempts, started_ns, finished_ns = counts
    return Answer(
        key=key,
        provider=provider,
        model=model,
        answer=answer,
        failure=None if failure is None else Failure(failure),
        detail=detail,
        usage=Usage(*usage),
        usd=dollars(usd),
        cutoff=cutoff,
        started_ns=started_ns,
        finished_ns=finished_ns,
        attempts=attempts,
        replayed=True,
    )


def request(connection: Connection, key: str) -> Request | None:
    """Return the exact request of a key, without rank, role and node; None if unknown."""
    query = (
        select(schema.prefixes.c.body, schema.requests.c.prompt)
        .join(schema.requests, schema.requests.c.prefix == schema.prefixes.c.hash)
        .where(schema.requests.c.key == key)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    shared = msgspec.json.decode(row.body, type=Request)
    return msgspec.structs.replace(shared, prompt=row.prompt)


def sent(connection: Connection, scan: str) -> ScanUsage:
    """Return what a scan has sent so far, from all processes."""
    attempts = schema.attempts.c
    query = select(
        func.count().label("calls"),
        func.count(attempts.key.distinct()).label("requests"),
        func.coalesce(func.sum(case((attempts.usd > 0, 1), else_=0)), 0).label("paid"),
        func.coalesce(func.sum(attempts.usd), 0).label("usd"),
        func.coalesce(func.sum(case((_unsettled(attempts), attempts.reserved), else_=0)), 0).label(
            "in_doubt"
        ),
        func.count(case((~_unsettled(attempts), attempts.key)).distinct()).label("settled"),
    ).where(attempts.scan == scan)
    row = connection.execute(query).one()
    return ScanUsage(
        calls=row.calls,
        requests=row.requests,
        settled=row.settled,
        paid=row.paid,
        usd=dollars(row.usd),
        in_doubt=dollars(row.in_doubt),
    )


def _unsettled(attempts: Any) -> Any:
    """Return the condition that a call was sent and its cost is not known."""
    return attempts.status.in_((IN_FLIGHT, DIED))


def costs(connection: Connection, by: str, scan: str | None) -> list[CostRow]:
    """Return what calls cost, grouped by one of GROUPS, in its order."""
    sent, group = schema.attempts.c, schema.attempts.c[by]
    is_open = sent.status == IN_FLIGHT
    query = (
        select(
            group.label("name"),
            func.count().label("calls"),
            func.sum(case((is_open, 1), else_=0)).label("open"),
            func.coalesce(func.sum(sent.usd), 0).label("usd"),
            func.sum(case((_unsettled(sent), sent.reserved), else_=0)).label("in_doubt"),
            *(cast(func.sum(sent[name]), INT64).label(name) for name in Usage.__struct_fields__),
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
