"""Run a paper session from its configuration to its result."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import msgspec

from qe_plugins.engine.live.node import NodeVenue, unsuitable
from qe_plugins.engine.live.pacing import Pace
from qe_plugins.engine.live.stream import StreamVenue
from qe_plugins.engine.live.view import Show, Viewer
from qe_plugins.engine.recording.run_log import RunLog, logged
from qe_plugins.engine.results.collect import collect_result
from qe_plugins.engine.running.backtest import run_id_of
from qe_plugins.engine.running.prepare import prepare

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.engine.running.prepare import PreparedRun

PAPER = "paper"

type Engine = Literal["node", "stream"]


@dataclass(frozen=True)
class SessionOptions:
    """How a session runs: `speed` times real time (None: without waiting), `skip` holes, `log`.

    `engine` is `node`, a live node whose process must be able to set its clock, or `stream`, a
    backtest engine.
    """

    speed: float | None = 60.0
    skip: bool = True
    engine: Engine = "stream"
    log: str | None = None

    @property
    def words(self) -> str:
        """Return the speed in words, such as `1,800 times real time`."""
        if self.speed is None:
            return "as fast as it can"
        holes = ", closed hours skipped" if self.skip else ""
        return f"{self.speed:,g} times real time{holes}"


@dataclass(frozen=True)
class Started:
    """A session that is about to begin: what its screen shows first."""

    run_id: str
    name: str
    label: str
    start: int
    end: int
    how: str


def run_session(
    loaded: Loaded,
    options: SessionOptions,
    *,
    show: Show,
    started: Callable[[Started, Pace], None] = lambda _started, _pace: None,
) -> BacktestResult:
    """Run a paper session until its data ends or it is stopped; return its result.

    `started` is called before the first record, with the pace that can stop the session, and `show`
    while it runs. Raises as `running.backtest.run` does: such a session has no result.
    """
    gc.collect()
    with logged(loaded, options.log) as run_log:
        return _run(loaded, options, show, started, run_log)


def _run(
    loaded: Loaded,
    options: SessionOptions,
    show: Show,
    started: Callable[[Started, Pace], None],
    run_log: RunLog,
) -> BacktestResult:
    began, at = perf_counter(), datetime.now(UTC)
    prepared = prepare(loaded)
    run_id = run_id_of(at, f"{loaded.config.name}-{PAPER}")
    pace = Pace(options.speed, skip=options.skip)
    venue = _venue(prepared, options)
    context = venue.context
    run_log.clock = venue.assembly.pipeline.clock.timestamp_ns
    ready = perf_counter()
    try:
        started(_started(prepared, run_id, options), pace)
        venue.run(pace, Viewer(context, show))
        answers = context.observers.close()
        done = perf_counter()
        tape = prepared.tape if venue.complete else seen_until(prepared.tape, venue.last)
        result = collect_result(loaded, tape, context, run_id, at, answers)
    finally:
        run_log.clock = None
        venue.dispose()
    result.seconds.update(load=ready - began, run=done - ready)
    note = f"A paper session: {tape.label}, replayed {options.words}."
    if not venue.complete:
        note = f"{note} It was stopped before its data ended; what it held is open."
    return replace(result, log=run_log.file, mode=PAPER, assumptions=[note, *result.assumptions])


def _venue(prepared: PreparedRun, options: SessionOptions) -> NodeVenue | StreamVenue:
    if options.engine == "stream":
        return StreamVenue(prepared)
    if why := unsuitable(prepared):
        raise prepared.loaded.error(
            f"cannot run on a live node with the sandbox: {why}.",
            "data",
            hint="Use `--engine stream`.",
        )
    return NodeVenue(prepared)


def seen_until(tape: Tape, last: int) -> Tape:
    """Return the tape as far as a session has seen it: until `last` (UTC nanoseconds)."""
    since, until = tape.asked
    return msgspec.structs.replace(tape, end=last, asked=(since, min(until, last + 1)))


def _started(prepared: PreparedRun, run_id: str, options: SessionOptions) -> Started:
    tape, config = prepared.tape, prepared.loaded.config
    return Started(run_id, config.name, tape.label, tape.start, tape.end, options.words)
