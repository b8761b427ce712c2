"""The open ledger: groups the writes of many calls into one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from qe_plugins.errors import JournalError, ModelError
from qe_plugins.journal.database import one_line_errors, reading
from qe_plugins.llm.ledger import in_doubt
from qe_plugins.llm.ledger import queries as read
from qe_plugins.llm.ledger.batch import Batch, Lookup
from qe_plugins.llm.ledger.in_doubt import InDoubt
from qe_plugins.llm.ledger.records import Attempt, CostRow, LastCall, ScanUsage
from qe_plugins.llm.ledger.scan_calls import NodeCall, ScanCalls
from qe_plugins.llm.ledger.server import open_ledger
from qe_plugins.llm.ledger.statements import ChargeRecord, FinalAnswer, Intent
from qe_plugins.llm.requests import Answer, Request, Usage

WINDOW = 0.003
"""Seconds that a write waits for others to join its transaction."""


class Ledger:
    """An open ledger, for one event loop; several processes may share its database.

    Its commits survive the death of the process, and the last few may be lost with the machine's
    power. What `intend`, `settle`, `conclude` and `look_up` return is done once it is committed.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = open_ledger(path)
        self._batch = Batch()
        self._timer: asyncio.TimerHandle | None = None
        self._watched: ScanCalls | None = None

    def intend(
        self, attempt: Attempt, limits: Mapping[str, Decimal] | None = None
    ) -> asyncio.Future[int]:
        """Reserve a call's worst case under `limits` by scope; the result is the attempt's id.

        The future raises OverBudget where a limit leaves no room.
        """
        intent = Intent(attempt=attempt, limits=dict(limits or {}))
        return self._queued(self._batch.intents, intent)

    def settle(
        self,
        number: int,
        attempt: Attempt,
        *,
        status: str,
        usd: Decimal,
        usage: Usage,
        finished_ns: int,
    ) -> asyncio.Future[None]:
        """Record the cost of a call and release the rest of its reservation."""
        settlement = ChargeRecord(
            id=number,
            attempt=attempt,
            status=status,
            usd=usd,
            usage=usage,
            finished_ns=finished_ns,
        )
        return self._queued(self._batch.settlements, settlement)

    def conclude(self, scan: str | None, settled: Answer) -> asyncio.Future[None]:
        """Record the answer to a request, in the same transaction as its charge.

        Without a scan it is stored for later scans only.
        """
        return self._queued(self._batch.conclusions, FinalAnswer(scan=scan, settled=settled))

    def look_up(self, scan: str, key: str, not_older_than_ns: int) -> asyncio.Future[Answer | None]:
        """Return the answer that `scan` used, or else one not older than that, which it then uses.

        A transient failure of the scan's own is not returned: its request is sent again.
        """
        lookup = Lookup(scan=scan, key=key, not_older_than_ns=not_older_than_ns)
        return self._queued(self._batch.lookups, lookup)

    def _queued(self, queue: list[Any], what: Any) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        queue.append((what, future))
        if self._timer is None:
            self._timer = loop.call_later(WINDOW, self.flush)
        return future

    def flush(self) -> None:
        """Commit what is queued now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._batch = self._batch, Batch()
        if batch.empty:
            return
        try:
            self._commit(batch)
        except JournalError as error:
            batch.fail(error)
        except Exception:  # one part cannot be written, such as a number beyond the database's
            for one in batch.singly():
                try:
                    self._commit(one)
                except Exception as error:
                    one.fail(error)

    def _commit(self, batch: Batch) -> None:
        with self._file.transaction() as cursor:
            done = batch.run(cursor)
        done()

    def used(self, scan: str, key: str) -> Answer | None:
        """Return the answer that a scan used for a request, without waiting for a transaction."""
        with self._file.reading() as cursor:
            return read.used_by(cursor, scan, [key]).get(key)

    def records(self, scan: str) -> dict[str, Answer]:
        """Return all answers and failures that a scan used, by key."""
        with self._file.reading() as cursor:
            return read.used(cursor, scan)

    def nodes(self, scan: str) -> dict[str, LastCall]:
        """Return the last call of each node of a scan by its id, also while the scan runs.

        Nodes whose answer was found in the ledger sent nothing.
        """
        with self._file.reading() as cursor:
            return read.nodes(cursor, scan)

    def states(self, scan: str) -> list[NodeCall]:
        """Return every call that a scan sent so far, in their order; see `NodeCall`.

        Asked again, it reads only those that have changed. For one thread at a time.
        """
        if self._watched is None or self._watched.scan != scan:
            self._watched = ScanCalls(scan)
        with self._file.reading() as cursor:
            return self._watched.read(cursor)

    def first_served(self, model: str) -> int | None:
        """Return the wall time (UTC ns) of the first answer of a model, None without one."""
        with self._file.reading() as cursor:
            return read.first_served(cursor, model)

    def request(self, key: str) -> Request | None:
        """Return the exact request of a key, without rank, role and node; None if unknown."""
        with one_line_errors(self._file.where), reading(self._file.engine) as connection:
            return read.request(connection, key)

    def sent(self, scan: str) -> ScanUsage:
        """Return what a scan has sent so far, from all processes."""
        with one_line_errors(self._file.where), reading(self._file.engine) as connection:
            return read.sent(connection, scan)

    def settle_dead(self, scan: str, before_ns: int) -> InDoubt:
        """Settle the calls that a scan sent before a moment and never settled; return their cost.

        Only for calls of processes that have ended. Their worst case counts against the day, and
        not against the scan and its ranks, because the scan could then never be finished.
        """
        with self._file.transaction() as cursor:
            return in_doubt.settle_dead(cursor, scan, before_ns, time.time_ns())

    def settle_doubt(self, scan: str, *, nothing: bool) -> InDoubt:
        """Settle all calls of a scan that are in doubt, at their worst case or at nothing.

        Returns their number and their cost. Only while no process runs the scan.
        """
        with self._file.transaction() as cursor:
            return in_doubt.settle_doubt(cursor, scan, time.time_ns(), nothing=nothing)

    def left(self, scope: str, limit: Decimal) -> Decimal:
        """Return how much of a limit is neither spent nor reserved."""
        with self._file.reading() as cursor:
            return limit - in_doubt.taken(cursor, scope)

    def reasons(self, scan: str) -> list[tuple[str, str, int]]:
        """Return why a scan lacks answers: failure, detail, how often; the commonest first."""
        with self._file.reading() as cursor:
            return read.reasons(cursor, scan)

    def costs(self, by: str, scan: str | None = None) -> list[CostRow]:
        """Return what calls cost by rank, model, role, scan or day. Raises ModelError for others.

        A call sent and never settled counts in `in_doubt`, at worst case.
        """
        if by not in read.GROUPS:
            hint = f"One of {', '.join(read.GROUPS)}."
            raise ModelError("costs are not grouped so.", where=repr(by), hint=hint)
        with one_line_errors(self._file.where), reading(self._file.engine) as connection:
            return read.costs(connection, by, scan)

    def close(self) -> None:
        """Commit what is queued, and close the file."""
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
