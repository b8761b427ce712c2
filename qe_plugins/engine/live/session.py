"""Run a paper session from its configuration to its result."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import msgspec

from qe_plugins.engine.contracts.instruments import decimal
from qe_plugins.engine.live.halt_watch import OF_A_FEED, OF_TRADING, HaltWatch, Watched
from qe_plugins.engine.live.heartbeat import Heartbeat
from qe_plugins.engine.live.journal_probe import JournalProbe
from qe_plugins.engine.live.journalled_result import read_run
from qe_plugins.engine.live.node import NodeVenue, inexact, unsuitable
from qe_plugins.engine.live.pacing import Pace
from qe_plugins.engine.live.recorded_halts import RecordedHalts
from qe_plugins.engine.live.rung_watch import RungSource, RungWatch
from qe_plugins.engine.live.session_journal import SessionJournal, config_sha256
from qe_plugins.engine.live.stream import StreamVenue
from qe_plugins.engine.live.view import Show, Viewer
from qe_plugins.engine.recording.fact_writer import FactWriter
from qe_plugins.engine.recording.reached import ReachedRun
from qe_plugins.engine.recording.run_log import RunLog, logged
from qe_plugins.engine.recording.session_recorder import SessionRecorder
from qe_plugins.engine.results.collect import ENGINE, result_of
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.risk.posture_watch import PostureWatch
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.engine.running.source_hashes import source_hashes
from qe_plugins.errors import JournalError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import remove_status
from qe_plugins.journal.facts import Fact, FactKind, OpenRun, run_id_of
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.engine.running.prepare import PreparedRun

PAPER = "paper"

type Engine = Literal["node", "stream"]


@dataclass(frozen=True)
class SessionOptions:
    """How a session runs: `speed` times real time (None: without waiting), `skip` gaps, `log`.

    `engine` is `node`, a live node whose process must be able to set its clock, or `stream`, a
    backtest engine. With `fall_back` a session that a node does not suit runs on a backtest engine;
    it is called with the reason. `resume` is the open run of a session that died. With `triggers`
    those of the halt that judge trading may halt it. `rungs` is the ladder that its rung is on.
    """

    speed: float | None = 60.0
    skip: bool = True
    engine: Engine = "stream"
    log: str | None = None
    resume: OpenRun | None = None
    triggers: bool = False
    fall_back: Callable[[str], None] | None = None
    rungs: RungSource | None = None

    @property
    def words(self) -> str:
        """Return the speed in words, such as `1,800 times real time`."""
        if self.speed is None:
            return "as fast as it can"
        gaps = ", closed hours skipped" if self.skip else ""
        return f"{self.speed:,g} times real time{gaps}"


@dataclass(frozen=True)
class Started:
    """A session that is about to begin: what its screen shows first.

    Times are UTC nanoseconds; `reached` is where a session that is continued died, 0 for a new one.
    """

    run_id: str
    name: str
    label: str
    start: int
    end: int
    how: str
    reached: int = 0


type Begin = Callable[[Started, Pace], None]
"""Called before the first record, with the pace that can stop the session."""


@dataclass(frozen=True)
class FinishedSession:
    """A session whose facts are in its open run. `close_run` closes that and returns its hash."""

    result: BacktestResult
    close_run: Callable[[], str]


def run_session(
    loaded: Loaded,
    options: SessionOptions,
    *,
    show: Show,
    started: Begin = lambda _started, _pace: None,
) -> FinishedSession:
    """Run a paper session until its data ends or it is stopped; return its result.

    Raises as `running.backtest.run` does: such a session has no result, and its run is closed with
    a fact that says why. Raises JournalError where a continued session is not the one that died.
    """
    gc.collect()
    with logged(loaded, options.log) as run_log:
        return _Session(loaded, options, run_log).run(show, started)


class _Session:
    """One session while it runs."""

    def __init__(self, loaded: Loaded, options: SessionOptions, run_log: RunLog) -> None:
        self._loaded, self._log = loaded, run_log
        self._began, self._now = perf_counter(), datetime.now(UTC)
        self._prepared = prepare(loaded)
        self._options = options = _suitable(self._prepared, options)
        resume, name = options.resume, loaded.config.name
        if resume is None:
            run_id = run_id_of(self._now, f"{name}-{PAPER}")
            self._journal = SessionJournal.begin(run_id, name, self._now)
        else:
            self._journal = SessionJournal.continued(resume, loaded)
        journal = self._journal
        self._latch = RecordedHalts(HaltLatch.at_home(), journal.recorded, lambda: journal.due)
        reached = ReachedRun(counts=journal.counts())
        self._recorder = SessionRecorder(FactWriter(journal, journal.run_id), reached)
        self._probe = JournalProbe(journal.check_writable)
        self._pace = Pace(options.speed, skip=options.skip, until=journal.reached if resume else 0)

    def run(self, show: Show, started: Begin) -> FinishedSession:
        """Run the session; see `run_session`."""
        try:
            return self._run(show, started)
        except BaseException as error:
            self._end_with(error)
            raise
        finally:
            self._log.clock = None
            remove_status(self._journal.run_id)

    def _run(self, show: Show, started: Begin) -> FinishedSession:
        prepared, recorder, journal = self._prepared, self._recorder, self._journal
        recorder.on_fact = journal.compare
        self._record_run()
        venue = _venue(prepared, recorder, self._latch, self._options.engine)
        try:
            context = venue.context
            context.timed_flush = False
            watch = self._watch(venue)
            name, bars = self._loaded.config.name, prepared.tape.bar_types
            heart = Heartbeat(context, journal, watch, self._now, name, bars)
            viewer = Viewer(context, show, heart.beat)
            viewer.catching_up = self._is_catching_up
            recorder.on_fact = partial(self._on_fact, viewer, watch, None)
            rungs = self._rungs(context)
            recorder.on_fact = partial(self._on_fact, viewer, watch, rungs)
            postures = PostureWatch(context, journal.run_id, journal.recorded, lambda: journal.due)
            viewer.passed = partial(self._after, context, watch, rungs, postures)
            self._log.clock = venue.assembly.pipeline.clock.timestamp_ns
            ready = perf_counter()
            started(self._started(), self._pace)
            venue.run(self._pace, viewer)
            recorder.observed(context.observers.close())
            done = perf_counter()
            result = self._result(venue)
        finally:
            self._probe.close()
            venue.dispose()
        result.seconds.update(load=ready - self._began, run=done - ready)
        result = replace(result, log=self._log.file, mode=PAPER)
        return FinishedSession(result, journal.finish)

    def _on_fact(
        self, viewer: Viewer, watch: HaltWatch, rungs: RungWatch | None, fact: Fact
    ) -> None:
        self._journal.compare(fact)
        watch.on_fact(fact)
        viewer.on_fact(fact)
        if rungs is not None:
            rungs.on_fact(fact)

    def _after(
        self,
        context: RunContext,
        watch: HaltWatch,
        rungs: RungWatch | None,
        postures: PostureWatch,
        ts: int,
    ) -> None:
        """Do after a moment (UTC ns) what a halt of then did; check posture, triggers and rung."""
        if self._latch.passed(ts):
            cancel_entries(context)
        postures.at(ts)
        watch.at(ts, catching_up=self._journal.catching_up)
        if rungs is not None:
            rungs.at(ts)

    def _rungs(self, context: RunContext) -> RungWatch | None:
        """Return what binds the session to its ladder, where it is on one."""
        source, journal = self._options.rungs, self._journal
        if source is None:
            return None
        rungs = RungWatch(context, source, journal.run_id, journal.recorded, lambda: journal.due)
        rungs.begin(self._prepared.tape.start)
        return rungs

    def _watch(self, venue: NodeVenue | StreamVenue) -> HaltWatch:
        """Return what checks the triggers that a replay has."""
        recorder, probe = self._recorder, self._probe
        return HaltWatch(
            venue.context,
            self._latch,
            self._loaded.config.halt,
            self._prepared.tape,
            Watched(
                venue.assembly.pipeline.clock.timestamp_ns,
                venue.skew,
                lambda: recorder.take_failure() or probe.take_failure(),
            ),
            (*OF_A_FEED, *(() if self._options.triggers else OF_TRADING)),
        )

    def _is_catching_up(self) -> bool:
        return self._journal.catching_up

    def _record_run(self) -> None:
        tape, loaded = self._prepared.tape, self._loaded
        body = {
            "name": loaded.config.name,
            "mode": PAPER,
            "engine": ENGINE,
            "session_engine": self._options.engine,
            "data": tape.label,
            "records": tape.records,
            "end": tape.end,
            "plugins": self._prepared.plugins.names,
            "config_sha256": config_sha256(loaded),
            "config": loaded.resolved,
            "code": source_hashes(self._prepared),
        }
        self._recorder.numbered(FactKind.RUN, tape.start, "quant-engine", None, body)

    def _started(self) -> Started:
        tape, run_id = self._prepared.tape, self._journal.run_id
        name, how = self._loaded.config.name, self._options.words
        reached = self._journal.reached
        return Started(run_id, name, tape.label, tape.start, tape.end, how, reached)

    def _result(self, venue: NodeVenue | StreamVenue) -> BacktestResult:
        """Have every fact in the journal, and return the result that they give."""
        context, recorder, tape = venue.context, self._recorder, self._prepared.tape
        recorder.flush()
        if error := recorder.close():
            raise JournalError(error, where=f"run {self._journal.run_id}")
        facts = self._journal.facts()
        if not venue.complete:
            bars = sum(one.kind is FactKind.SNAPSHOT for one in facts)
            tape = _seen_until(tape, venue.last, bars)
        multipliers = {str(one.id): decimal(one.multiplier) for one in tape.contracts}
        read, orders = read_run(facts, multipliers)
        run_id, started = self._journal.run_id, self._journal.started
        result = result_of(self._loaded, tape, context, read, orders, run_id, started)
        note = f"A paper session ({self._options.engine}): {tape.label}, {self._options.words}."
        if not venue.complete:
            note = f"{note} It was stopped before its data ended; what it held is open."
        return replace(result, assumptions=[note, *result.assumptions])

    def _end_with(self, error: BaseException) -> None:
        """Close the run of a session that failed, with why; one that can be continued stays."""
        recorder, journal = self._recorder, self._journal
        self._probe.close()
        if isinstance(error, JournalError | KeyboardInterrupt):
            recorder.close()  # its thread must be done before the database is closed
            journal.close()
            return
        body = {"reason": f"the session ended: {in_words(error)}"}
        ts = max(journal.reached, self._prepared.tape.start)
        recorder.numbered(FactKind.FAILURE, ts, "quant-engine", None, body)
        if not recorder.close():
            journal.close_run()
        journal.close()


def _suitable(prepared: PreparedRun, options: SessionOptions) -> SessionOptions:
    """Return the options with an engine that the run can use. Raises ConfigError without one.

    Contracts that are options are refused, too.

    A node that was not asked for by name must have a backtest's fills.
    """
    if prepared.tape.options:
        raise prepared.loaded.error("options are traded in backtests only.", "data", "options")
    if options.engine == "stream":
        return options
    why = unsuitable(prepared)
    if not why and options.fall_back is not None:
        why = inexact(prepared)
    if not why:
        return options
    if options.fall_back is None:
        message = f"cannot run on a live node with the sandbox: {why}."
        raise prepared.loaded.error(message, "data", hint="Use `--engine stream`.")
    options.fall_back(why)
    return replace(options, engine="stream")


def _venue(
    prepared: PreparedRun, recorder: SessionRecorder, latch: HaltLatch, engine: Engine
) -> NodeVenue | StreamVenue:
    make = NodeVenue if engine == "node" else StreamVenue
    return make(prepared, recorder, latch)


def _seen_until(tape: Tape, last: int, bars: int) -> Tape:
    """Return the tape as far as a session has seen it: `bars` until `last` (UTC nanoseconds)."""
    since, until = tape.asked
    asked = (since, min(until, last + 1))
    return msgspec.structs.replace(tape, end=last, asked=asked, bars=bars, records=bars)
