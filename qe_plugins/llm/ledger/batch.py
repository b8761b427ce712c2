"""What waits for the next transaction, and how each of it is told what came of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from qe_plugins.llm.ledger import queries as read
from qe_plugins.llm.ledger import statements as write
from qe_plugins.llm.ledger.records import Attempt, OverBudget
from qe_plugins.llm.ledger.statements import ChargeRecord, FinalAnswer, Intent, ScopeTotals
from qe_plugins.llm.requests import REJECTED, Answer

type Queue[T] = list[tuple[T, asyncio.Future[Any]]]
type Told = list[tuple[asyncio.Future[Any], Any]]


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A question for a recorded answer; see `Ledger.look_up`."""

    scan: str
    key: str
    not_older_than_ns: int


class Batch:
    """One transaction's work. Its futures learn the result only after the commit."""

    def __init__(self) -> None:
        self.settlements: Queue[ChargeRecord] = []
        self.intents: Queue[Intent] = []
        self.conclusions: Queue[FinalAnswer] = []
        self.lookups: Queue[Lookup] = []

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to do."""
        return not (self.settlements or self.intents or self.conclusions or self.lookups)

    def run(self, cursor: sqlite3.Cursor) -> Callable[[], None]:
        """Do all of it, and return what tells the waiting, to be called after the commit."""
        self.intents = [(one, future) for one, future in self.intents if not future.cancelled()]
        told: Told = []
        self._money(cursor, told)
        write.write_conclusions(cursor, [one for one, _ in self.conclusions])
        told += [(future, None) for _, future in (*self.settlements, *self.conclusions)]
        self._look_up(cursor, told)
        return lambda: _tell(told)

    def fail(self, error: Exception) -> None:
        """Tell all who wait that nothing of it was written."""
        waiting = (*self.settlements, *self.intents, *self.conclusions, *self.lookups)
        _tell([(future, error) for _, future in waiting])

    def singly(self) -> Iterator[Batch]:
        """Yield each part as a batch of its own, so that one bad part costs no other."""
        for name in ("settlements", "intents", "conclusions", "lookups"):
            for one in getattr(self, name):
                batch = Batch()
                getattr(batch, name).append(one)
                yield batch

    def _money(self, cursor: sqlite3.Cursor, told: Told) -> None:
        moved = [settlement.attempt for settlement, _ in self.settlements]
        moved += [intent.attempt for intent, _ in self.intents]
        if not moved:
            return
        purse = ScopeTotals(cursor, {scope for attempt in moved for scope in attempt.scopes()})
        for settlement, _ in self.settlements:
            purse.settle(settlement)
        admitted = self._admitted(purse, told)
        purse.write()
        write.write_settlements(cursor, [one for one, _ in self.settlements])
        numbers = write.write_intents(cursor, [attempt for attempt, _ in admitted])
        told += [(future, number) for (_, future), number in zip(admitted, numbers, strict=True)]

    def _admitted(
        self, purse: ScopeTotals, told: Told
    ) -> list[tuple[Attempt, asyncio.Future[Any]]]:
        admitted = []
        for intent, future in self.intents:
            try:
                purse.admit(intent)
            except OverBudget as error:
                told.append((future, error))
            else:
                admitted.append((intent.attempt, future))
        return admitted

    def _look_up(self, cursor: sqlite3.Cursor, told: Told) -> None:
        by_scan = defaultdict(list)
        for lookup, future in self.lookups:
            by_scan[lookup.scan].append((lookup, future))
        for scan, asked in by_scan.items():
            _look_up(cursor, scan, asked, told)


def _look_up(cursor: sqlite3.Cursor, scan: str, asked: Queue[Lookup], told: Told) -> None:
    own = read.used_by(cursor, scan, {lookup.key for lookup, _ in asked})
    elsewhere = {lookup.key for lookup, _ in asked if not _final(own.get(lookup.key))}
    others = read.latest(cursor, elsewhere)
    borrowed = []
    for lookup, future in asked:
        found = own.get(lookup.key)
        if not _final(found):
            number, found = others.get(lookup.key, (0, None))
            if found is not None and found.finished_ns < lookup.not_older_than_ns:
                found = None
            if found is not None:
                borrowed.append((scan, lookup.key, number))
        told.append((future, found))
    write.write_uses(cursor, borrowed)


def _final(settled: Answer | None) -> bool:
    return settled is not None and (settled.failure is None or settled.failure in REJECTED)


def _tell(told: Told) -> None:
    for future, result in told:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
            future.exception()  # seen: not every write is waited for, and one line is enough
        else:
            future.set_result(result)
