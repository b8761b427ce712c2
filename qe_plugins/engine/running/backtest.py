"""Run a backtest: build, stream the tape, extract, dispose."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any

from qe_plugins import gc_tuning
from qe_plugins.engine.recording.run_log import RunLog, logged
from qe_plugins.engine.results.collect import collect_result
from qe_plugins.engine.running.build import BuiltRun, build
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import RunError

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.catalog.reader import Chunk
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins import PluginManager

Progress = Callable[[int, int], None]
"""Called after each piece of the tape with the records done and the records in all."""


def run(
    loaded: Loaded,
    *,
    plugins: PluginManager | None = None,
    progress: Progress | None = None,
    log: str | None = None,
) -> BacktestResult:
    """Run what a configuration says and return what came of it.

    `plugins` stand in for those that the configuration names; what is logged at the level `log`
    (such as INFO) and above is shown on standard error. Raises ConfigError, DataError or
    PluginError before the first bar, and StrategyError where a strategy, an actor or an algorithm
    raised: nothing of such a run is reported.
    """
    gc.collect()  # an earlier run's engine may only be dropped on this thread, not the observers'
    with logged(loaded, log) as run_log:
        return _run(loaded, plugins, progress, run_log)


def _run(
    loaded: Loaded, plugins: PluginManager | None, progress: Progress | None, run_log: RunLog
) -> BacktestResult:
    began, started = perf_counter(), datetime.now(UTC)
    prepared = prepare(loaded, plugins)
    stage = build(prepared)
    run_log.clock = stage.bridge.clock.timestamp_ns
    ready = perf_counter()
    try:
        stream(stage, prepared.tape, progress)
        said = stage.floor.observers.close()
        done = perf_counter()
        run_id = run_id_of(started, loaded.config.name)
        outcome = collect_result(loaded, prepared.tape, stage.floor, run_id, started, said)
    finally:
        run_log.clock = None
        stage.floor.observers.close()
        stage.engine.dispose()
    outcome.seconds.update(load=ready - began, run=done - ready)
    return replace(outcome, log=run_log.file)


def run_id_of(started: datetime, name: str) -> str:
    """Return `20261123-143000-123456-es-2013`: UTC time to the microsecond and the run's name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{started:%Y%m%d-%H%M%S-%f}-{slug or 'run'}"


@gc_tuning.relaxed_gc()
def stream(stage: BuiltRun, tape: Tape, progress: Progress | None) -> None:
    """Feed the tape piece by piece, so that memory does not grow with it."""
    done = 0
    if stage.opening:  # starts the strategies: only then it is known what they want to hear
        _feed(stage, stage.opening)
    for piece in tape.chunks([front.spliced_series for front in stage.fronts]):
        records = stage.exchange.records(piece)
        stage.floor.expects(piece)
        stage.settling.feed(_heard(stage.floor, piece, records), partial(_feed, stage))
        done += len(piece.records)
        if progress is not None:
            progress(done, tape.records)
    stage.settling.finish(partial(_feed, stage))
    _advance(stage, stage.engine.end)
    stage.floor.circles.finish()
    stage.bridge.finish()


def start(stage: BuiltRun, tape: Tape) -> None:
    """Start strategies and plugins at the tape's first moment, and let nothing happen.

    Raises as `run` does where one of them raises or asks for what is not there.
    """
    begin = partial(stage.engine.run, start=tape.start, end=tape.start, streaming=True)
    _advance(stage, begin)


def _heard(floor: RunContext, piece: Chunk, records: Sequence[Any]) -> Sequence[Any]:
    """Return what the engine is to hear: fronts only where bars are to be made of theirs."""
    more = [bar for one in piece.spliced_bars if one.name in floor.fed for bar in one.bars]
    return sorted([*records, *more], key=attrgetter("ts_init")) if more else records


def _feed(stage: BuiltRun, records: Sequence[Any]) -> None:
    stage.engine.add_data(records)
    _advance(stage, partial(stage.engine.run, streaming=True))
    stage.engine.clear_data()


def _advance(stage: BuiltRun, step: Callable[[], None]) -> None:
    """Let the engine work. What user code raised comes out first: it is the cause."""
    try:
        step()
        stage.floor.alarm.drain()
        stage.floor.recorder.failures.check()
    except RuntimeError as error:
        stage.floor.alarm.check()
        raise RunError(f"the engine stopped: {error}.") from error
    stage.floor.alarm.check()
