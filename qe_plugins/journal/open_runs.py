"""Open runs: begun, appended to fact by fact, and closed into the chain of runs.

The row of an open run has the count and the last hash of its facts, renewed in the transaction of
each append. So the facts at its end cannot be deleted unseen, and after an error it says whether
the transaction was committed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from qe_plugins import wall_clock
from qe_plugins.errors import JournalError
from qe_plugins.journal import owner
from qe_plugins.journal.append_connection import AppendConnection
from qe_plugins.journal.database import MOST_VALUES, writing
from qe_plugins.journal.facts import Fact, OpenRun, RunState
from qe_plugins.journal.hash_chain import GENESIS, chained, link
from qe_plugins.journal.schema import head, open_ids, open_runs, runs
from qe_plugins.journal.writer import (
    chain_run,
    in_causal_order,
    insert_links,
    refuse_known,
    utc_text,
)


class Attempted(msgspec.Struct, frozen=True):
    """An append whose transaction ended with an error: it may have been committed."""

    facts: tuple[Fact, ...]
    count: int
    hash: str


class Appending(msgspec.Struct):
    """An open run of this process: where its chain is, and what is not known to be in it."""

    run_id: str
    name: str
    started: str
    facts: int
    hash: str
    in_doubt: Attempted | None = None
    found: tuple[Fact, ...] = ()
    """Facts of a failed append that were in the journal after all; they may be appended again."""

    def hashes(self) -> tuple[str, ...]:
        """Return the last hashes that the run may have."""
        return (self.hash,) if self.in_doubt is None else (self.hash, self.in_doubt.hash)


class Appender:
    """Begins, appends to and closes the open runs of this process, from any of its threads.

    Every error of the database leaves the next call to find out what was committed.
    """

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._connection = AppendConnection(engine, timeout)
        self._lock = threading.Lock()
        self._runs: dict[str, Appending] = {}

    def begin(self, run_id: str, name: str, started: datetime, *, take_over: bool) -> OpenRun:
        """Begin a run, or continue it; see `Journal.open_run`."""
        with self._lock:
            with writing(self._engine) as connection:
                row = _find(connection, run_id)
                if row is None:
                    row = _insert(connection, run_id, name, started)
                else:
                    row = _take(connection, row, take_over=take_over)
            known = self._runs.get(run_id)
            if known is None or row.hash not in known.hashes():
                chain = (row.run_id, row.name, row.started, row.facts, row.hash)
                self._runs[run_id] = Appending(*chain)
            return open_run_of(row)

    def append(self, run_id: str, facts: Sequence[Fact], *, durable: bool) -> None:
        """Append facts in one transaction; see `Journal.append`."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                raise _refused(run_id, "the run is not open here.", "Call `open_run` first.")
            self._connection.start_clock()
            try:
                self._append(run, facts, durable)
            except DBAPIError as error:
                if not error.connection_invalidated or self._connection.late:
                    raise
                self._append(run, facts, durable)  # the server restarted since the last append

    def _append(self, run: Appending, facts: Sequence[Fact], durable: bool) -> None:
        with self._connection.transaction(durable=durable) as connection:
            if run.in_doubt is not None:
                _settle(run, _find(connection, run.run_id))
            new = [fact for fact in facts if fact not in run.found] if run.found else facts
            if not new:
                return
            count, last = _extend(connection, run, new)
            run.in_doubt = Attempted(tuple(new), count, last)
        run.facts, run.hash, run.in_doubt = count, last, None

    def close(self, run_id: str, *, take_over: bool) -> str:
        """Close a run into the chain of runs; see `Journal.close_run`."""
        with self._lock, writing(self._engine) as connection:
            run, row = self._runs.get(run_id), _find(connection, run_id)
            if row is None:
                content = _closed(connection, run_id)
                if run is None or content not in run.hashes():
                    raise _refused(run_id, "the run is not open.", "`qe runs` lists the open ones.")
                self._runs.pop(run_id)  # closed by a call whose outcome was not known
                return str(content)
            if run is not None:
                _settle(run, row)
            _take(connection, row, take_over=take_over)
            _close(connection, row)
        self._runs.pop(run_id, None)
        return str(row.hash)

    def disconnect(self) -> None:
        """Close the connection of the appends."""
        self._connection.close()


def rows(connection: Connection) -> list[OpenRun]:
    """Return the open runs, oldest first."""
    query = select(open_runs).order_by(open_runs.c.started, open_runs.c.run_id)
    return [open_run_of(row) for row in connection.execute(query)]


def open_run_of(row: Row[Any]) -> OpenRun:
    """Return a row as an `OpenRun`. Raises JournalError where it was changed to nonsense."""
    try:
        return OpenRun(
            run_id=row.run_id,
            name=row.name,
            started=datetime.fromisoformat(row.started),
            facts=row.facts,
            hash=row.hash,
            appended=datetime.fromisoformat(row.appended),
            host=row.host,
            pid=row.pid,
            state=owner.state(_owner_of(row)),
        )
    except ValueError as error:
        hint = "`qe journal verify` says what was changed."
        raise _refused(row.run_id, f"not as it was written: {error}.", hint) from error


def seal(row: Row[Any]) -> str:
    """Return the hash (SHA-256, hex) of an open run's row, without its owner and last append."""
    return link(row.hash, row.run_id, row.name, row.started, row.facts)


def _find(connection: Connection, run_id: str) -> Row[Any] | None:
    query = select(open_runs).where(open_runs.c.run_id == run_id).with_for_update()
    return connection.execute(query).first()


def _insert(connection: Connection, run_id: str, name: str, started: datetime) -> Row[Any]:
    refuse_known(connection, run_id)
    begun = utc_text(started)
    connection.execute(
        insert(open_runs).values(
            run_id=run_id,
            name=name,
            started=begun,
            facts=0,
            hash=GENESIS,
            seal=link(GENESIS, run_id, name, begun, 0),
            appended=utc_text(wall_clock.now()),
            **msgspec.structs.asdict(owner.this_process()),
        )
    )
    connection.execute(update(head).values(open=head.c.open + 1))
    return _present(connection, run_id)


def _take(connection: Connection, row: Row[Any], *, take_over: bool) -> Row[Any]:
    """Make this process the owner of an open run whose process has ended."""
    ours, of_row = owner.this_process(), _owner_of(row)
    if of_row == ours:
        return row
    state = owner.state(of_row)
    if state is RunState.RUNNING or (state is RunState.UNKNOWN and not take_over):
        where = "" if state is RunState.RUNNING else f" on {row.host}"
        raise _refused(
            row.run_id,
            f"process {row.pid}{where} appends to it, last at {row.appended}.",
            "Wait until it has ended.",
        )
    which = open_runs.c.run_id == row.run_id
    connection.execute(update(open_runs).where(which).values(**msgspec.structs.asdict(ours)))
    return _present(connection, row.run_id)


def _present(connection: Connection, run_id: str) -> Row[Any]:
    row = _find(connection, run_id)
    assert row is not None
    return row


def _settle(run: Appending, row: Row[Any] | None) -> None:
    """Find out whether the append in doubt was committed. Raises JournalError for other appends."""
    doubt = run.in_doubt
    if row is not None and row.hash == run.hash:
        run.in_doubt = None
    elif row is not None and doubt is not None and row.hash == doubt.hash:
        run.facts, run.hash, run.found, run.in_doubt = doubt.count, doubt.hash, doubt.facts, None
    else:
        raise _foreign(run.run_id)


EXTEND = (
    update(open_runs)
    .where(open_runs.c.run_id == bindparam("of_run"), open_runs.c.hash == bindparam("after"))
    .where(open_runs.c.pid == bindparam("of_pid"))
    .where(open_runs.c.process == bindparam("of_process"))
    .values(
        facts=bindparam("new_facts"),
        hash=bindparam("new_hash"),
        seal=bindparam("new_seal"),
        appended=bindparam("new_appended"),
    )
)
KNOWN = select(open_ids.c.id).where(
    open_ids.c.run_id == bindparam("of_run"),
    open_ids.c.id.in_(bindparam("names", expanding=True)),
)
INSERT_IDS = insert(open_ids)
"""The statements of every append, made once: an order waits for them."""


def _extend(connection: Connection, run: Appending, facts: Sequence[Fact]) -> tuple[int, str]:
    known = _known(connection, run.run_id, facts)
    links = list(chained(in_causal_order(facts, known), run.hash))
    count, last = run.facts + len(links), links[-1][-1]
    ours = owner.this_process()
    changed = connection.execute(
        EXTEND,
        {
            "of_run": run.run_id,
            "after": run.hash,
            "of_pid": ours.pid,
            "of_process": ours.process,
            "new_facts": count,
            "new_hash": last,
            "new_seal": link(last, run.run_id, run.name, run.started, count),
            "new_appended": utc_text(wall_clock.now()),
        },
    )
    if changed.rowcount != 1:
        raise _foreign(run.run_id)
    insert_links(connection, run.run_id, links, run.facts)
    ids = [{"run_id": run.run_id, "id": fact.id} for fact, _, _ in links]
    connection.execute(INSERT_IDS, ids)
    return count, last


def _known(connection: Connection, run_id: str, facts: Sequence[Fact]) -> set[str]:
    """Return which of the facts' ids and causes the run has."""
    names = {fact.id for fact in facts} | {fact.cause for fact in facts if fact.cause is not None}
    found: set[str] = set()
    for some in batched(names, MOST_VALUES, strict=False):
        asked = {"of_run": run_id, "names": list(some)}
        found.update(connection.execute(KNOWN, asked).scalars())
    return found


def _close(connection: Connection, row: Row[Any]) -> None:
    chain_run(connection, row.run_id, row.name, row.started, row.facts, row.hash)
    connection.execute(delete(open_ids).where(open_ids.c.run_id == row.run_id))
    connection.execute(delete(open_runs).where(open_runs.c.run_id == row.run_id))
    connection.execute(update(head).values(open=head.c.open - 1))


def _closed(connection: Connection, run_id: str) -> str | None:
    query = select(runs.c.content_hash).where(runs.c.run_id == run_id)
    return connection.execute(query).scalar_one_or_none()


def _owner_of(row: Row[Any]) -> owner.Owner:
    return owner.Owner(host=row.host, pid=row.pid, process=row.process)


def _foreign(run_id: str) -> JournalError:
    return _refused(
        run_id,
        "another process continued or closed it.",
        "Only one process appends to a run: stop this one.",
    )


def _refused(run_id: str, message: str, hint: str) -> JournalError:
    return JournalError(message, where=f"run {run_id}", hint=hint)
