"""The writes of one transaction: charges, then reservations within their budgets, then answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import batched

import msgspec
from sqlalchemy import Table

from qe_plugins.journal.database import MOST_VALUES
from qe_plugins.llm.ledger import schema
from qe_plugins.llm.ledger.cursor import Cursor
from qe_plugins.llm.ledger.records import Attempt, OverBudget, pico
from qe_plugins.llm.requests import REJECTED, Answer, Request, Usage

IN_FLIGHT = "in_flight"
KEEP, REPLACE = "keep", "replace"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation for a call, under limits by scope in USD."""

    attempt: Attempt
    limits: dict[str, Decimal]


class ChargeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The charge of a call in USD, with its usage."""

    id: int
    attempt: Attempt
    status: str
    usd: Decimal
    usage: Usage
    finished_ns: int


class FinalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The final answer to a request. `scan` is None where no scan uses it any more."""

    scan: str | None
    settled: Answer


class ScopeTotals:
    """Sums spent and reserved in the scopes of one transaction, read once and written once."""

    def __init__(self, cursor: Cursor, scopes: Iterable[str]) -> None:
        self._cursor = cursor
        self._sums = {scope: [0, 0] for scope in scopes}
        for names in chunks(list(self._sums)):
            query = f"SELECT scope, spent, reserved FROM spending WHERE scope IN ({marks(names)})"
            for scope, spent, reserved in cursor.execute(query, names):
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

    def settle(self, settlement: ChargeRecord) -> None:
        """Replace the reservation of a call by its cost."""
        for scope in settlement.attempt.scopes():
            self._sums[scope][0] += pico(settlement.usd)
            self._sums[scope][1] -= pico(settlement.attempt.worst)

    def write(self) -> None:
        """Write the sums back."""
        rows = [(scope, *sums) for scope, sums in self._sums.items()]
        self._cursor.executemany(insert(schema.spending, REPLACE), rows)


def write_settlements(cursor: Cursor, settlements: Sequence[ChargeRecord]) -> None:
    """Close the rows of calls that have ended."""
    cursor.executemany(SETTLED, map(_settled_row, settlements))


SETTLED = """UPDATE attempts SET status = ?, usd = ?, finished_ns = ?,
    input = ?, cached = ?, output = ?, written = ? WHERE id = ?"""


def _settled_row(one: ChargeRecord) -> tuple[object, ...]:
    usage = one.usage
    tokens = usage.input, usage.cached, usage.output, usage.written
    return one.status, pico(one.usd), one.finished_ns, *tokens, one.id


def write_intents(cursor: Cursor, attempts: Sequence[Attempt]) -> range:
    """Open a row for each call about to be sent, and return their ids."""
    first = next_id(cursor, schema.attempts)
    numbers = range(first, first + len(attempts))
    cursor.executemany(insert(schema.attempts), map(_attempt_row, numbers, attempts))
    _write_requests(cursor, attempts)
    return numbers


def _attempt_row(number: int, one: Attempt) -> tuple[object, ...]:
    asked = one.request
    who = asked.provider, asked.model, asked.rank, asked.role, asked.node, asked.task_id
    opened = one.started_ns, pico(one.worst), IN_FLIGHT
    return number, one.key, one.scan, one.day, *who, *opened, *UNSETTLED


UNSETTLED = (None, None, 0, 0, 0, 0)


def _write_requests(cursor: Cursor, attempts: Sequence[Attempt]) -> None:
    prefixes: dict[tuple[str, str], None] = {}
    rows = []
    for one in attempts:
        asked = one.request
        prefix = _prefix(*(getattr(asked, name) for name in SHARED))
        prefixes[prefix] = None
        rows.append((one.key, prefix[0], asked.prompt))
    cursor.executemany(insert(schema.requests, KEEP), rows)
    cursor.executemany(insert(schema.prefixes, KEEP), prefixes)


SHARED = (
    *("provider", "model", "system", "schema_name", "schema", "max_tokens", "sample"),
    *("tools", "exchanges"),
)


@lru_cache(maxsize=256)
def _prefix(*shared: str | int) -> tuple[str, str]:
    """Return the hash and the JSON text of the fields that many requests share."""
    body = msgspec.json.encode(Request(prompt="", **dict(zip(SHARED, shared, strict=True))))  # type: ignore[arg-type]
    return hashlib.sha256(body).hexdigest(), body.decode()


def write_conclusions(cursor: Cursor, conclusions: Sequence[FinalAnswer]) -> None:
    """Write the answers to requests, and which scan uses each."""
    if not conclusions:
        return
    numbered = list(enumerate(conclusions, start=next_id(cursor, schema.answers)))
    rows = [_answer_row(number, one.settled) for number, one in numbered]
    cursor.executemany(insert(schema.answers), rows)
    write_uses(cursor, [(one.scan, one.settled.key, n) for n, one in numbered if one.scan])


def write_uses(cursor: Cursor, used: Sequence[tuple[str, str, int]]) -> None:
    """Write that scans use answers: scan, key, the answer's id."""
    cursor.executemany(insert(schema.uses, REPLACE), used)


def _answer_row(number: int, one: Answer) -> tuple[object, ...]:
    final = one.failure is None or one.failure in REJECTED
    usage = one.usage
    tokens = usage.input, usage.cached, usage.output, usage.written
    said = one.answer, one.failure, one.detail, one.cutoff
    ended = one.attempts, one.started_ns, one.finished_ns
    return number, one.key, final, one.provider, one.model, *said, pico(one.usd), *tokens, *ended


def next_id(cursor: Cursor, table: Table) -> int:
    """Return the first free id, which stays free for others within this transaction."""
    (last,) = cursor.execute(f"SELECT max(id) FROM {table.name}").fetchone()
    return (last or 0) + 1


@lru_cache
def insert(table: Table, known: str = "") -> str:
    """Return the statement that inserts rows of all columns of a table, in their order.

    `known` is what becomes of a row whose key is there already: KEEP or REPLACE.
    """
    names = [column.name for column in table.columns]
    text = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks(names)})"
    if not known:
        return text
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    what = "NOTHING" if known == KEEP else f"UPDATE SET {changes}"
    return f"{text} ON CONFLICT ({', '.join(keys)}) DO {what}"


def marks(values: Sequence[object]) -> str:
    """Return a question mark for each value."""
    return ", ".join("?" * len(values))


def chunks[T](names: list[T]) -> Iterable[list[T]]:
    """Return the values in lists of at most MOST_VALUES."""
    return map(list, batched(names, MOST_VALUES, strict=False))
