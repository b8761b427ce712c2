"""The writes and look-ups of the next transaction, with a future for each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from qe_plugins.llm.ledger import queries as read
from qe_plugins.llm.ledger import statements as write
from qe_plugins.llm.ledger.cursor import Cursor
from qe_plugins.llm.ledger.records import Attempt, OverBudget
from qe_plugins.llm.ledger.statements import ChargeRecord, FinalAnswer, Intent, ScopeTotals
from qe_plugins.llm.requests import REJECTED, Answer

type Queue[T] = list[tuple[T, asyncio.Future[Any]]]
type Results = list[tuple[asyncio.Future[Any], Any]]


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A query for a recorded answer; see `Ledger.look_up`."""

    scan: str
    key: str
    not_older_than_ns: int


class Batch:
    """The work of one transaction. Its futures get their results only after the commit."""

    def __init__(self) -> None:
        self.settlements: Queue[ChargeRecord] = []
        self.intents: Queue[Intent] = []
        self.conclusions: Queue[FinalAnswer] = []
        self.lookups: Queue[Lookup] = []

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to do."""
        return not (self.settlements or self.intents or self.conclusions or self.lookups)

    def run(self, cursor: Cursor) -> Callable[[], None]:
        """Do all of it; return a function that sets the futures, to be called after the commit."""
        self.intents = [(one, future) for one, future in self.intents if not future.cancelled()]
        results: Results = []
        self._charge_and_admit(cursor, results)
        write.write_conclusions(cursor, [one for one, _ in self.conclusions])
        results += [(future, None) for _, future in (*self.settlements, *self.conclusions)]
        self._look_up(cursor, results)
        return lambda: _resolve(results)

    def fail(self, error: Exception) -> None:
        """Set `error` on every future: nothing was written."""
        waiting = (*self.settlements, *self.intents, *self.conclusions, *self.lookups)
        _resolve([(future, error) for _, future in waiting])

    def singly(self) -> Iterator[Batch]:
        """Yield each part as a batch of its own, so that one bad part fails alone."""
        for name in ("settlements", "intents", "conclusions", "lookups"):
            for one in getattr(self, name):
                batch = Batch()
                getattr(batch, name).append(one)
                yield batch

    def _charge_and_admit(self, cursor: Cursor, results: Results) -> None:
        moved = [settlement.attempt for settlement, _ in self.settlements]
        moved += [intent.attempt for intent, _ in self.intents]
        if not moved:
            return
        totals = ScopeTotals(cursor, {scope for attempt in moved for scope in attempt.scopes()})
        for settlement, _ in self.settlements:
            totals.settle(settlement)
        admitted = self._admitted(totals, results)
        totals.write()
        write.write_settlements(cursor, [one for one, _ in self.settlements])
        numbers = write.write_intents(cursor, [attempt for attempt, _ in admitted])
        results += [(future, number) for (_, future), number in zip(admitted, numbers, strict=True)]

    def _admitted(
        self, totals: ScopeTotals, results: Results
    ) -> list[tuple[Attempt, asyncio.Future[Any]]]:
        admitted = []
        for intent, future in self.intents:
            try:
                totals.admit(intent)
            except OverBudget as error:
                results.append((future, error))
            else:
                admitted.append((intent.attempt, future))
        return admitted

    def _look_up(self, cursor: Cursor, results: Results) -> None:
        by_scan = defaultdict(list)
        for lookup, future in self.lookups:
            by_scan[lookup.scan].append((lookup, future))
        for scan, asked in by_scan.items():
            _look_up(cursor, scan, asked, results)


def _look_up(cursor: Cursor, scan: str, asked: Queue[Lookup], results: Results) -> None:
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
        results.append((future, found))
    write.write_uses(cursor, borrowed)


def _final(settled: Answer | None) -> bool:
    return settled is not None and (settled.failure is None or settled.failure in REJECTED)


def _resolve(results: Results) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
            future.exception()  # retrieved: not every write is awaited
        else:
            future.set_result(result)
