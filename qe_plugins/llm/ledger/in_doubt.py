"""Calls in doubt, which may have been charged: settle their reservations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from qe_plugins.llm.ledger.cursor import Cursor
from qe_plugins.llm.ledger.records import dollars
from qe_plugins.llm.ledger.statements import IN_FLIGHT
from qe_plugins.llm.requests import scopes

DIED = "died"
"""The status of a call whose process ended before its answer came."""

IN_DOUBT = "in_doubt"
"""The status of a call that ended without a plausible usage, settled at its worst case."""


class InDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A number of calls, and their worst case or settled cost in USD."""

    calls: int
    usd: Decimal


FIND = """SELECT id, day, rank, status, reserved, usd FROM attempts
    WHERE scan = ? AND status IN ({statuses})"""
SETTLE = "UPDATE attempts SET status = ?, usd = ?, finished_ns = ? WHERE id = ?"
MOVE = "UPDATE spending SET spent = spent + ?, reserved = reserved + ? WHERE scope = ?"


def settle_dead(cursor: Cursor, scan: str, before_ns: int, now_ns: int) -> InDoubt:
    """Settle calls of dead processes; see `Ledger.settle_dead`."""
    query = f"{FIND.format(statuses='?')} AND started_ns < ?"
    rows = cursor.execute(query, (scan, IN_FLIGHT, before_ns)).fetchall()
    spent, held = Counter[str](), Counter[str]()
    for _, day, rank, _, reserved, _ in rows:
        of_day, *others = scopes(day, scan, rank)
        spent[of_day] += reserved
        for scope in (of_day, *others):
            held[scope] -= reserved
    cursor.executemany(SETTLE, [(DIED, None, now_ns, row[0]) for row in rows])
    _move(cursor, spent, held)
    return InDoubt(calls=len(rows), usd=dollars(sum(row[4] for row in rows)))


def settle_doubt(cursor: Cursor, scan: str, now_ns: int, *, nothing: bool) -> InDoubt:
    """Settle all calls in doubt; see `Ledger.settle_doubt`."""
    query = FIND.format(statuses="?, ?, ?")
    rows = cursor.execute(query, (scan, IN_FLIGHT, DIED, IN_DOUBT)).fetchall()
    spent, held = Counter[str](), Counter[str]()
    settled = []
    for number, day, rank, status, reserved, usd in rows:
        cost = 0 if nothing else max(reserved, usd or 0)
        every = scopes(day, scan, rank)
        for scope in every:
            spent[scope] += cost - (usd if status == IN_DOUBT else 0)
            held[scope] -= reserved if status == IN_FLIGHT else 0
        spent[every[0]] -= reserved if status == DIED else 0
        settled.append(("nothing" if nothing else "worst", cost, now_ns, number))
    cursor.executemany(SETTLE, settled)
    _move(cursor, spent, held)
    return InDoubt(calls=len(rows), usd=dollars(sum(cost for _, cost, _, _ in settled)))


def taken(cursor: Cursor, scope: str) -> Decimal:
    """Return what a scope has spent and reserved, in USD."""
    query = "SELECT spent + reserved FROM spending WHERE scope = ?"
    row = cursor.execute(query, (scope,)).fetchone()
    return dollars(row[0]) if row else Decimal(0)


def _move(cursor: Cursor, spent: Counter[str], held: Counter[str]) -> None:
    every: Iterable[str] = {*spent, *held}
    cursor.executemany(MOVE, [(spent[scope], held[scope], scope) for scope in sorted(every)])
