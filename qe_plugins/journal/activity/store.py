"""The rows of `pipeline_journal` and `mission_control` in an open journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy import Connection, Engine

from qe_plugins import wall_clock
from qe_plugins.journal.activity import mission_rows, pipeline
from qe_plugins.journal.activity.records import (
    ActivityKind,
    MissionRow,
    PipelineEntry,
    PipelineRow,
    Severity,
)
from qe_plugins.journal.append_connection import AppendConnection
from qe_plugins.journal.database import (
    connect,
    lock_writers,
    one_line_errors,
    reading,
    spelled,
)
from qe_plugins.journal.facts import Problem
from qe_plugins.journal.schema import ensure_newest
from qe_plugins.journal.store import TIMEOUT, journal_place
from qe_plugins.journal.test_isolation import keep_tests_out


class ActivityJournal:
    """The open tables, to be used as a context manager or closed with `close`.

    May be used by several threads. Raises JournalError for the database's errors, and where it
    does not answer a write within the timeout.
    """

    def __init__(self, engine: Engine, where: str, timeout: float) -> None:
        self._engine, self._where = engine, where
        self._connection = AppendConnection(engine, timeout)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str | None = None, *, timeout: float = TIMEOUT) -> Self:
        """Open the tables in the journal at `url`, by default the user's, created if missing.

        `timeout` is the maximum of a write in seconds.
        """
        place = journal_place(url)
        keep_tests_out(place)
        where = spelled(place)
        engine = connect(place, where)
        with one_line_errors(where):
            ensure_newest(engine)
        return cls(engine, where, timeout)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, activity: PipelineEntry, at_ns: int | None = None) -> PipelineRow:
        """Append a row to `pipeline_journal`, and return it.

        `at_ns` is when it happened, wall time in UTC nanoseconds, by default now. Warnings and
        alarms are on the disk then.
        """
        at_ns = wall_clock.now_ns() if at_ns is None else at_ns
        with self._writing(durable=activity.severity is not Severity.INFO) as connection:
            return pipeline.append(connection, activity, at_ns)

    def rows(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        kinds: Collection[ActivityKind] | None = None,
        severities: Collection[Severity] | None = None,
        run: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        word: str | None = None,
        limit: int = 200,
    ) -> list[PipelineRow]:
        """Return rows of `pipeline_journal`; see `pipeline.rows`."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return pipeline.rows(
                connection,
                after=after,
                before=before,
                kinds=kinds,
                severities=severities,
                run=run,
                since_ns=since_ns,
                until_ns=until_ns,
                word=word,
                limit=limit,
            )

    def mission(self) -> list[MissionRow]:
        """Return the last row of each item of MissionControl that is not gone."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return mission_rows.latest(connection)

    def mission_history(self, limit: int = 200) -> list[MissionRow]:
        """Return the last changes of MissionControl, newest first."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return mission_rows.history(connection, limit)

    def change_mission(
        self, decide: Callable[[list[MissionRow]], Iterable[MissionRow]]
    ) -> list[MissionRow]:
        """Append what `decide` makes of the last row of each item; return the last rows after it.

        No other process changes them in between.
        """
        with self._writing(durable=True) as connection:
            mission_rows.append(connection, decide(mission_rows.latest(connection)))
            return mission_rows.latest(connection)

    def verify(self) -> list[Problem]:
        """Recompute the chain of `pipeline_journal` and return what does not verify."""
        with one_line_errors(self._where), reading(self._engine) as connection:
            return list(pipeline.problems(connection))

    @contextmanager
    def _writing(self, *, durable: bool) -> Iterator[Connection]:
        with self._lock, one_line_errors(self._where):
            self._connection.start_clock()
            with self._connection.transaction(durable=durable) as connection:
                lock_writers(connection)
                yield connection
