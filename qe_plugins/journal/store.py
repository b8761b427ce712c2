"""The journal: append whole runs, or facts to an open one; read facts, change nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import URL, Engine, Row, select, true

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal import fact_pages, open_runs, schema, test_isolation
from qe_plugins.journal import verify as audit
from qe_plugins.journal.anchor import Anchor, broken
from qe_plugins.journal.database import (
    connect,
    one_line_errors,
    parsed,
    reading,
    spelled,
    writing,
)
from qe_plugins.journal.facts import Fact, FactKey, FactKind, OpenRun, Problem, RunFact, RunRow
from qe_plugins.journal.hash_chain import content_hash
from qe_plugins.journal.lookup import resolve_run
from qe_plugins.journal.open_runs import Appender
from qe_plugins.journal.schema import ensure_newest
from qe_plugins.journal.writer import insert_run, prepared

__all__ = ["Journal", "content_hash"]

TIMEOUT = 5.0
"""Seconds that an append may take; after them it raises."""


class Journal:
    """An open journal, to be used as a context manager or closed with `close`.

    Several processes may write: each waits for the others. Raises JournalError for errors of the
    database.
    """

    def __init__(self, engine: Engine, where: str, timeout: float = TIMEOUT) -> None:
        self._engine = engine
        self._where = where
        self._appender = Appender(engine, timeout)

    @classmethod
    def open(cls, url: str | None = None, *, timeout: float = TIMEOUT) -> Self:
        """Open the journal at `url` (default: `state_dir.journal_url()`), created if missing.

        `timeout` is the maximum of an `append` in seconds.

        Raises JournalError where it cannot be opened, where a newer program wrote it, and where a
        test opens the user's own.
        """
        place = journal_place(url)
        test_isolation.keep_tests_out(place)
        where = spelled(place)
        journal = cls(connect(place, where), where, timeout)
        with one_line_errors(journal._where):
            ensure_newest(journal._engine)
        return journal

    @classmethod
    def exists(cls) -> bool:
        """Return whether there is a journal to open; a server is said to have one."""
        place = journal_place()
        return place.get_backend_name() != "sqlite" or Path(place.database or "").exists()

    @classmethod
    def check(cls) -> None:
        """Raise JournalError where a run could not be written. A missing journal is not created."""
        if not cls.exists():
            place = journal_place()
            state_dir.check_writable(Path(place.database or "").absolute().parent)
            return
        with cls.open() as journal:
            journal.check_writable()

    def close(self) -> None:
        """Close the database. Open runs stay open."""
        self._appender.disconnect()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write_run(self, run_id: str, name: str, started: datetime, facts: Iterable[Fact]) -> str:
        """Write a whole run, or nothing of it, and return its content hash (SHA-256, hex).

        `started` is wall time with a time zone. Raises JournalError for a run already written, an
        id used twice, a cause that is not an earlier fact of the run, a body that is not JSON.
        """
        with self.pending_run(run_id, name, started, facts) as content:
            return content

    @contextmanager
    def pending_run(
        self, run_id: str, name: str, started: datetime, facts: Iterable[Fact]
    ) -> Iterator[str]:
        """Insert a run, yield its content hash, and commit where the body raises nothing.

        Raises as `write_run` does.
        """
        with one_line_errors(self._where):
            links = prepared(facts)
            with writing(self._engine) as connection:
                yield insert_run(connection, run_id, name, started, links)

    def open_run(
        self, run_id: str, name: str, started: datetime, *, take_over: bool = False
    ) -> OpenRun:
        """Begin a run that facts are appended to while it lasts, or continue one that died.

        A continued run keeps its name and start. `started` is wall time with a time zone. Raises
        JournalError for a closed run, and for one that another process still appends to; whether
        a process on another host does is not known: `take_over` says that it has ended.
        """
        with one_line_errors(self._where):
            return self._appender.begin(run_id, name, started, take_over=take_over)

    def append(self, run_id: str, facts: Sequence[Fact], *, durable: bool = True) -> None:
        """Append facts to an open run: all of them, or none; they are committed on return.

        Durable facts are on the disk then, with those before them. Others outlive the process and
        may be lost with the machine's power.

        Raises JournalError for an id used twice, a cause that is not an earlier fact of the run,
        and a run not open here: nothing is appended then. Also where the database fails or does not
        answer within the journal's timeout: whether the facts are appended is then not known, and
        the next append to the run finds out. Facts given to it again are not appended twice.
        """
        with one_line_errors(self._where):
            self._appender.append(run_id, facts, durable=durable)

    def close_run(self, run_id: str, *, take_over: bool = False) -> str:
        """Close an open run and return its content hash, that of `write_run` of the same facts.

        A run of this process, or of one that has ended; for another host's see `open_run`. Raises
        JournalError for others.
        """
        with one_line_errors(self._where):
            return self._appender.close(run_id, take_over=take_over)

    def open_runs(self) -> list[OpenRun]:
        """Return the open runs, oldest first."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return open_runs.rows(connection)

    def check_writable(self) -> None:
        """Raise JournalError where nothing can be written, such as on a read-only disk."""
        with one_line_errors(self._where), writing(self._engine):
            pass

    def runs(self, after: int = 0) -> list[RunRow]:
        """Return the closed runs, oldest first, without the first `after` of them."""
        query = select(schema.runs).where(schema.runs.c.seq > after).order_by(schema.runs.c.seq)
        with one_line_errors(self._where), reading(self._engine) as connection:
            return [_run_of(row) for row in connection.execute(query)]

    def facts(self, run_id: str, kinds: Collection[FactKind] | None = None) -> list[Fact]:
        """Return a run's facts in their order, or those of some kinds; none for an unknown run."""
        table = schema.facts
        query = select(table).where(table.c.run_id == run_id).order_by(table.c.seq)
        if kinds is not None:
            query = query.where(table.c.kind.in_([str(kind) for kind in kinds]))
        with one_line_errors(self._where), reading(self._engine) as connection:
            return [_fact_of(row) for row in connection.execute(query)]

    def page(
        self,
        after: FactKey | None = None,
        kinds: Collection[FactKind] | None = None,
        run: str | None = None,
        limit: int = 200,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        word: str | None = None,
        newest_first: bool = False,
    ) -> list[RunFact]:
        """Return at most `limit` facts after a key, of all runs by time or of one in its order.

        `kinds` none is all; from `since_ns` to before `until_ns` in UTC nanoseconds of the market's
        clock. `word` is part of the body, source or id, in any case: it is looked for fact by fact.
        """
        with one_line_errors(self._where), reading(self._engine) as connection:
            found = fact_pages.page(
                connection,
                after=after,
                kinds=kinds,
                run=run,
                since_ns=since_ns,
                until_ns=until_ns,
                word=word,
                newest_first=newest_first,
                limit=limit,
            )
        return [RunFact(run_id=row.run_id, seq=row.seq, fact=_fact_of(row)) for row in found]

    def first_facts(self, after: int = 0) -> dict[str, Fact]:
        """Return the first fact of every run by the run's id: closed runs, then open ones.

        The first `after` of the closed runs are left out.
        """
        found: dict[str, Fact] = {}
        with one_line_errors(self._where), reading(self._engine) as connection:
            for table, order, wanted in (
                (schema.runs, schema.runs.c.seq, schema.runs.c.seq > after),
                (schema.open_runs, schema.open_runs.c.started, true()),
            ):
                first = (schema.facts.c.run_id == table.c.run_id) & (schema.facts.c.seq == 1)
                query = select(schema.facts).join(table, first).where(wanted).order_by(order)
                found |= {row.run_id: _fact_of(row) for row in connection.execute(query)}
        return found

    def resolve(self, text: str) -> str:
        """Return the id of the run that `text` names, as `lookup.resolve_run` reads it.

        The last is the one written or closed last, or one that is open and started after it.

        Raises JournalError where no run matches, or several do.
        """
        closed, still_open = self.runs(), self.open_runs()
        runs: list[RunRow | OpenRun] = [*closed, *still_open]
        if not runs:
            raise JournalError("no run yet.", where=self._where, hint="Run `qe backtest` first.")
        last = closed[-1].started if closed else datetime.min.replace(tzinfo=UTC)
        still_open.sort(key=lambda run: run.started)
        before = [run for run in still_open if run.started <= last]
        in_order: list[RunRow | OpenRun] = [*before, *closed, *still_open[len(before) :]]
        names = {run.run_id: run.name for run in reversed(in_order)}
        return resolve_run(text, [run.run_id for run in runs], lambda: names)

    def counts(self) -> tuple[int, int]:
        """Return the number of closed runs, and of all facts."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return audit.counts(connection)

    def head(self) -> tuple[int, str]:
        """Return the number of runs, and the hash of the last one (SHA-256, hex)."""
        query = select(schema.head.c.runs, schema.head.c.hash)
        with one_line_errors(self._where), reading(self._engine) as connection:
            count, last = connection.execute(query).one()
            return int(count), str(last)

    def verify(self, anchors: Sequence[Anchor] = ()) -> list[Problem]:
        """Recompute every chain and return what does not verify.

        `anchors` are earlier heads from another file.
        """
        with one_line_errors(self._where), reading(self._engine) as connection:
            return [*audit.problems(connection), *broken(connection, list(anchors))]


def _run_of(row: Row[Any]) -> RunRow:
    try:
        return msgspec.convert(row, RunRow, from_attributes=True)
    except msgspec.ValidationError as error:
        raise _unreadable(f"run {row.run_id}", error) from error


def _fact_of(row: Row[Any]) -> Fact:
    try:
        return Fact(
            id=row.id,
            kind=FactKind(row.kind),
            ts_event=row.ts_event,
            source=row.source,
            cause=row.cause,
            body=msgspec.json.decode(row.body, type=dict[str, Any]),
        )
    except (ValueError, msgspec.DecodeError) as error:
        raise _unreadable(f"run {row.run_id}, fact {row.id}", error) from error


def _unreadable(where: str, error: Exception) -> JournalError:
    return JournalError(
        f"not as it was written: {error}.",
        where=where,
        hint="`qe journal verify` says what was changed.",
    )


def journal_place(text: str | None = None) -> URL:
    """Return the database of the journal at `text`, by default the user's."""
    return parsed(text or state_dir.journal_url(), "QE_JOURNAL_URL")
