"""The calls of one scan while it runs, read again and again: each time only what has changed."""

from __future__ import annotations

from typing import Any

from qe_plugins.llm.ledger.cursor import Cursor
from qe_plugins.llm.ledger.in_doubt import DIED
from qe_plugins.llm.ledger.statements import IN_FLIGHT, chunks, marks

ROWS = f"""SELECT attempts.id, attempts.status, attempts.node,
    answers.answer, answers.failure, attempts.finished_ns, coalesce(attempts.usd, 0),
    CASE WHEN attempts.status IN ('{IN_FLIGHT}', '{DIED}') THEN attempts.reserved ELSE 0 END
    FROM attempts LEFT JOIN uses ON uses.scan = attempts.scan AND uses.key = attempts.key
    LEFT JOIN answers ON answers.id = uses.answer
    WHERE attempts.scan = ?"""

type NodeCall = tuple[str, str | None, str | None, int | None, int, int]
"""A call of a scan: its node, the answer and the failure that the scan goes by, its end (None while
it runs), its cost and what is in doubt (picodollars)."""


class ScanCalls:
    """The calls of one scan. A call is read until it has a charge and an answer that is used."""

    def __init__(self, scan: str) -> None:
        self.scan = scan
        self._calls: dict[int, NodeCall] = {}
        self._unsettled: set[int] = set()

    def read(self, cursor: Cursor) -> list[NodeCall]:
        """Return every call so far, in the order in which they were sent."""
        last = max(self._calls, default=0)
        for numbers in chunks(sorted(self._unsettled)):
            known = f"{ROWS} AND attempts.id IN ({marks(numbers)})"
            self._keep(cursor.execute(known, [self.scan, *numbers]).fetchall())
        new = f"{ROWS} AND attempts.id > ? ORDER BY attempts.id"
        self._keep(cursor.execute(new, [self.scan, last]).fetchall())
        return list(self._calls.values())

    def _keep(self, rows: list[Any]) -> None:
        for number, status, node, answer, failure, *rest in rows:
            ended, usd, in_doubt = rest
            self._calls[number] = node, answer, failure, ended, usd, in_doubt
            unanswered = answer is None and failure is None
            if unanswered or status in (IN_FLIGHT, DIED):
                self._unsettled.add(number)
            else:
                self._unsettled.discard(number)
