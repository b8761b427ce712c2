"""Run a live session from its lock file to its report: journal, screen, status, result."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from qe_plugins import state_dir
from qe_plugins.engine.broker.account_lock import locked
from qe_plugins.engine.broker.session import LiveRecorder, LiveSession
from qe_plugins.engine.broker.supervision import Supervisor, notify
from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.live.halt_watch import HaltWatch, Watched
from qe_plugins.engine.live.heartbeat import Heartbeat
from qe_plugins.engine.live.journal_probe import JournalProbe
from qe_plugins.engine.live.journalled_result import read_run
from qe_plugins.engine.live.recorded_tape import recorded_tape
from qe_plugins.engine.live.session_journal import (
    SessionJournal,
    config_sha256,
    orders_left,
)
from qe_plugins.engine.live.view import Show, Viewer
from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.reached import ReachedRun
from qe_plugins.engine.recording.run_log import RunLog, logged
from qe_plugins.engine.results.collect import ENGINE, result_of
from qe_plugins.engine.running.source_hashes import source_hashes
from qe_plugins.errors import JournalError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import Mode, remove_status
from qe_plugins.journal.facts import Fact, FactKind, OpenRun, run_id_of
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.broker.preparation import PreparedLive
    from qe_plugins.engine.results.result import BacktestResult


LIVE: Mode = "live"
PAPER: Mode = "paper"
PAPER_ACCOUNT = "live session on a paper account"


@dataclass(frozen=True)
class LiveOptions:
    """How a live session runs: the `log` level shown, and the open run that it takes up again."""

    log: str | None = None
    resume: OpenRun | None = None


@dataclass(frozen=True)
class FinishedLive:
    """A session that has ended. `close_run` closes its open run and returns its hash.

    `again` says why it is to begin again, empty where it is not.
    """

    result: BacktestResult
    close_run: Callable[[], str]
    again: str = ""


type Begin = Callable[[LiveSession, str], None]
"""Called with the session and its run's id before the node connects."""


def run_live(
    live: PreparedLive,
    options: LiveOptions | None = None,
    *,
    show: Show,
    begin: Begin = lambda _session, _run_id: None,
    supervisors: Iterable[Supervisor] = (),
) -> FinishedLive:
    """Run a live session until it is stopped; return its result.

    Raises QeError where another process trades the account, before anything connects, and what user
    code raised: such a session's run is closed with the reason.
    """
    options = options or LiveOptions()
    gc.collect()
    account = live.settings.ib.account
    with (
        locked(f"{account}-paper" if live.sandbox else account),
        logged(live.loaded, options.log) as run_log,
    ):
        return _Run(live, options, run_log).run(show, begin, list(supervisors))


class _Run:
    """A session and its journal."""

    def __init__(self, live: PreparedLive, options: LiveOptions, run_log: RunLog) -> None:
        self._live, self._log = live, run_log
        self._began, self._now = perf_counter(), datetime.now(UTC)
        self._name, self._mode = live.loaded.config.name, PAPER if live.sandbox else LIVE
        reached = ReachedRun(open_orders=orders_left(live.settings.ib.account))
        if options.resume is None:
            run_id = run_id_of(self._now, f"{self._name}-{self._mode}")
            self._journal = SessionJournal.begin(run_id, self._name, self._now)
        else:
            self._journal, reached = SessionJournal.taken_up(options.resume)
        self._recorder = LiveRecorder(FactWriter(self._journal, self._journal.run_id), reached)
        self._taken_up = options.resume is not None
        self._latch = HaltLatch.at_home()
        self._probe = JournalProbe(self._journal.check_writable)

    def run(self, show: Show, begin: Begin, supervisors: list[Supervisor]) -> FinishedLive:
        """Run it; see `run_live`."""
        try:
            return self._run(show, begin, supervisors)
        except BaseException as error:
            self._end_with(error)
            raise
        finally:
            self._log.clock = None
            remove_status(self._journal.run_id)

    def _run(self, show: Show, begin: Begin, supervisors: list[Supervisor]) -> FinishedLive:
        if not self._taken_up:
            self._record_run()
        session = LiveSession(self._live, self._recorder, self._latch)
        session.supervisors += supervisors
        try:
            session.on_start.append(partial(self._attach, session, show))
            self._log.clock = session.pipeline_clock
            begin(session, self._journal.run_id)
            ready = perf_counter()
            session.run()
            self._recorder.observed(session.context.observers.close())
            done = perf_counter()
            result = self._result(session)
        finally:
            self._probe.close()
            session.dispose()
        result.seconds.update(load=ready - self._began, run=done - ready)
        result = replace(result, log=self._log.file, mode=self._mode)
        return FinishedLive(result, self._journal.finish, session.again)

    def _attach(self, session: LiveSession, show: Show) -> None:
        """Have screen, status and triggers of the halt follow the session."""
        context, recorder, probe = session.context, self._recorder, self._probe
        tape = self._live.prepared.tape
        watched = Watched(
            session.now,
            lambda: session.skew(),
            lambda: recorder.take_failure() or probe.take_failure(),
        )
        watch = HaltWatch(context, self._latch, self._live.loaded.config.halt, tape, watched, ())
        heart = Heartbeat(
            context, self._journal, watch, self._now, self._name, tape.bar_types, mode=self._mode
        )
        viewer = Viewer(context, show, heart.beat)

        def passed(ts: int) -> None:
            watch.not_asked_for(session.warm_up.pending, ts)
            watch.at(ts, catching_up=False)

        def on_fact(fact: Fact) -> None:
            watch.on_fact(fact)
            viewer.on_fact(fact)
            notify(session.listeners.facts, fact)

        recorder.on_fact, viewer.passed = on_fact, passed
        session.on_tick.append(viewer.at)

    def _record_run(self) -> None:
        live, tape, loaded = self._live, self._live.prepared.tape, self._live.loaded
        body = {
            "name": loaded.config.name,
            "mode": self._mode,
            "engine": ENGINE,
            "session_engine": "broker",
            "account": live.settings.ib.account,
            "contracts": [one.long_id for one in live.contracts],
            "data": tape.label,
            "records": 0,
            "end": tape.start,
            "plugins": live.prepared.plugins.names,
            "config_sha256": config_sha256(loaded),
            "config": loaded.resolved,
            "code": source_hashes(live.prepared),
        }
        self._recorder.numbered(FactKind.RUN, tape.start, "quant-engine", None, body)

    def _result(self, session: LiveSession) -> BacktestResult:
        """Have every fact in the journal, and return the result that they give."""
        context, recorder, tape = session.context, self._recorder, self._live.prepared.tape
        recorder.flush()
        if error := recorder.close():
            raise JournalError(error, where=f"run {self._journal.run_id}")
        facts = self._journal.facts()
        tape = _received(tape, facts, state_dir.cache_dir() / "sessions" / self._journal.run_id)
        multipliers = {str(one.id): decimal(one.multiplier) for one in tape.contracts}
        read, orders = read_run(facts, multipliers)
        run_id, started = self._journal.run_id, self._journal.started
        result = result_of(self._live.loaded, tape, context, read, orders, run_id, started)
        kind = PAPER_ACCOUNT if self._live.is_paper else "live session"
        note = f"A {kind}, {self._live.settings.ib.account}: {tape.label}."
        if self._live.sandbox:
            note = f"A paper session: {tape.label}, orders filled by Nautilus' sandbox."
        return replace(result, assumptions=[note, *context.liquidator.warnings])

    def _end_with(self, error: BaseException) -> None:
        """Keep the run open where the session can be taken up again; else close it, with why."""
        recorder, journal = self._recorder, self._journal
        self._probe.close()
        if not isinstance(error, JournalError | KeyboardInterrupt):
            body = {"reason": f"the session ended: {in_words(error)}"}
            now = int(datetime.now(UTC).timestamp() * 1e9)
            recorder.numbered(FactKind.FAILURE, now, "quant-engine", None, body)
        recorder.close()  # its thread must be done before the database is closed
        journal.close()


def _received(tape: Tape, facts: Sequence[Fact], folder: Path) -> Tape:
    """Return the tape of the bars that a session received, written as a catalog to `folder`."""
    bars = [one for one in facts if one.kind is FactKind.SNAPSHOT]
    if bars:
        return recorded_tape(bars, tape, folder, whole=False)
    return msgspec.structs.replace(tape, end=tape.start + 1, bar_types=[])
