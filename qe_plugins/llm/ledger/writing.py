"""What one transaction writes: settlements, then intents within their budgets, then answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from qe_plugins.llm.ledger import tables
from qe_plugins.llm.ledger.records import Attempt, OverBudget, pico
from qe_plugins.llm.records import REJECTED, Request, Settled, Usage

IN_FLIGHT = "in_flight"
CHUNK = 500  # SQLite takes so many values in one question on every build


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to send a call, under limits by scope in USD."""

    attempt: Attempt
    limits: dict[str, Decimal]


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a call cost. `answer` is there when the request is answered by it."""

    id: int
    attempt: Attempt
    status: str
    usd: Decimal
    usage: Usage
    finished_ns: int


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request. `scan` is None where no scan goes by it any more."""

    scan: str | None
    settled: Settled


class Purse:
    """What the scopes of one transaction have spent and reserved, read once and written once."""

    def __init__(self, connection: Connection, scopes: Iterable[str]) -> None:
        self._connection = connection
        self._sums = {scope: [0, 0] for scope in scopes}
        for names in chunks(list(self._sums)):
            query = select(tables.spending).where(tables.spending.c.scope.in_(names))
            for scope, spent, reserved in connection.execute(query):
                self._sums[scope] = [spent, reserved]

    def admit(self, intent: Intent) -> None:
        """Reserve the worst case of a call. Raises OverBudget."""
        worst, scopes = pico(intent.attempt.worst), intent.attempt.scopes()
        for scope in scopes:
            if scope in intent.limits:
                self._check(scope, intent.limits[scope], worst)
        for scope in scopes:
            self._sums[scope][1] += worst

    def _check(self, scope: str, limit: Decimal, worst: int) -> None:
        spent, reserved = self._sums[scope]
        most = pico(limit)
        if spent + reserved + worst > most:
            raise OverBudget(scope, limit, used_up=spent + worst > most)

    def settle(self, settlement: Settlement) -> None:
        """Turn the reservation of a call into what it cost."""
        for scope in settlement.attempt.scopes():
            self._sums[scope][0] += pico(settlement.usd)
            self._sums[scope][1] -= pico(settlement.attempt.worst)

    def write(self) -> None:
        """Write the sums back."""
        rows = [
            {"scope": scope, "spent": spent, "reserved": reserved}
            for scope, (spent, reserved) in self._sums.items()
        ]
        if rows:
            self._connection.execute(insert(tables.spending).prefix_with("OR REPLACE"), rows)


def write_settlements(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Close the rows of calls that have ended."""
    if settlements:
        statement = update(tables.attempts).where(tables.attempts.c.id == bindparam("which"))
        connection.execute(statement, [_settled_row(one) for one in settlements])


def _settled_row(one: Settlement) -> dict[str, Any]:
    return {
        "which": one.id,
        "status": one.status,
        "usd": pico(one.usd),
        "finished_ns": one.finished_ns,
        **msgspec.structs.asdict(one.usage),
    }


def write_intents(connection: Connection, attempts: Sequence[Attempt]) -> list[int]:
    """Open a row for each call about to be sent, and return their ids."""
    if not attempts:
        return []
    first = next_id(connection, tables.attempts)
    rows = [_attempt_row(number, one) for number, one in enumerate(attempts, start=first)]
    connection.execute(insert(tables.attempts), rows)
    _write_requests(connection, attempts)
    return [row["id"] for row in rows]


def _attempt_row(number: int, one: Attempt) -> dict[str, Any]:
    asked = one.request
    return {
        "id": number,
        "key": one.key,
        "scan": one.scan,
        "day": one.day,
        "provider": asked.provider,
        "model": asked.model,
        "rank": asked.rank,
        "role": asked.role,
        "node": asked.node,
        "task_id": asked.task_id,
        "started_ns": one.started_ns,
        "reserved": pico(one.worst),
        "status": IN_FLIGHT,
    }


def _write_requests(connection: Connection, attempts: Sequence[Attempt]) -> None:
    bodies: dict[str, str] = {}
    rows = []
    for one in attempts:
        body = _prefix(one.request)
        digest = hashlib.sha256(body).hexdigest()
        bodies[digest] = body.decode()
        rows.append({"key": one.key, "prefix": digest, "prompt": one.request.prompt})
    connection.execute(insert(tables.requests).on_conflict_do_nothing(), rows)
    prefixes = [{"hash": digest, "body": body} for digest, body in bodies.items()]
    connection.execute(insert(tables.prefixes).on_conflict_do_nothing(), prefixes)


def _prefix(request: Request) -> bytes:
    shared = {"prompt": "", "rank": "", "role": "", "node": "", "task_id": "", "valid_for": 0.0}
    return msgspec.json.encode(msgspec.structs.replace(request, **shared))


def write_conclusions(connection: Connection, conclusions: Sequence[Conclusion]) -> None:
    """Write what came of requests, and which scan goes by it."""
    if not conclusions:
        return
    first = next_id(connection, tables.answers)
    numbered = list(enumerate(conclusions, start=first))
    rows = [_answer_row(number, one.settled) for number, one in numbered]
    connection.execute(insert(tables.answers), rows)
    write_uses(connection, [(one.scan, one.settled.key, n) for n, one in numbered if one.scan])


def write_uses(connection: Connection, used: Sequence[tuple[str, str, int]]) -> None:
    """Write that scans go by answers: scan, key, the answer's id."""
    if used:
        rows = [{"scan": scan, "key": key, "answer": answer} for scan, key, answer in used]
        connection.execute(insert(tables.uses).prefix_with("OR REPLACE"), rows)


def _answer_row(number: int, settled: Settled) -> dict[str, Any]:
    return {
        "id": number,
        "key": settled.key,
        "final": settled.failure is None or settled.failure in REJECTED,
        "provider": settled.provider,
        "model": settled.model,
        "answer": settled.answer,
        "failure": settled.failure,
        "detail": settled.detail,
        "cutoff": settled.cutoff,
        "usd": pico(settled.usd),
        "attempts": settled.attempts,
        "started_ns": settled.started_ns,
        "finished_ns": settled.finished_ns,
        **msgspec.structs.asdict(settled.usage),
    }


def next_id(connection: Connection, table: Any) -> int:
    """Return the first free id; nobody else takes it within this transaction."""
    return (connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def chunks(names: list[str]) -> Iterable[list[str]]:
    """Return the names, so many at a time as one question takes."""
    return (names[first : first + CHUNK] for first in range(0, len(names), CHUNK))
