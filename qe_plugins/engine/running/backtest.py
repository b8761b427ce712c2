"""Run a backtest: prepare, build, stream the data, collect the result, dispose of the engine."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any

from qe_plugins import gc_tuning
from qe_plugins.engine.accounting.booking import TradeBooker
from qe_plugins.engine.recording.run_log import RunLog, logged
from qe_plugins.engine.results.collect import collect_result
from qe_plugins.engine.running.build import BuiltRun, build
from qe_plugins.engine.running.prepare import prepare
from qe_plugins.errors import RunError
from qe_plugins.journal.facts import run_id_of

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.catalog.reader import Chunk
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.results.result import BacktestResult
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins import PluginManager

Progress = Callable[[int, int], None]
"""Called after each chunk with the number of records processed and the number of all records."""

type Feed = Callable[[BuiltRun, Sequence[Any]], None]
"""Passes records to the engine of a run, in time order."""


def run(
    loaded: Loaded,
    *,
    plugins: PluginManager | None = None,
    progress: Progress | None = None,
    log: str | None = None,
) -> BacktestResult:
    """Run a configuration and return the result.

    `plugins` replace those that the configuration names; messages logged at the level `log` (such
    as INFO) and above are shown on standard error. Raises ConfigError, DataError or PluginError
    before the first bar, and StrategyError where a strategy, an actor or an algorithm raised: such
    a run has no result.
    """
    gc.collect()  # an earlier run's engine may only be freed on this thread, not the observers'
    with logged(loaded, log) as run_log:
        return _run_logged(loaded, plugins, progress, run_log)


def _run_logged(
    loaded: Loaded, plugins: PluginManager | None, progress: Progress | None, run_log: RunLog
) -> BacktestResult:
    began, started = perf_counter(), datetime.now(UTC)
    prepared = prepare(loaded, plugins)
    built = build(prepared)
    run_log.clock = built.pipeline.clock.timestamp_ns
    ready = perf_counter()
    try:
        stream(built, prepared.tape, progress)
        reports = built.context.observers.close()
        done = perf_counter()
        run_id = run_id_of(started, loaded.config.name)
        result = collect_result(loaded, prepared.tape, built.context, run_id, started, reports)
    finally:
        run_log.clock = None
        built.context.observers.close()
        built.engine.dispose()
    result.seconds.update(load=ready - began, run=done - ready)
    return replace(result, log=run_log.file)


@gc_tuning.relaxed_gc()
def stream(
    built: BuiltRun, tape: Tape, progress: Progress | None, feed: Feed | None = None
) -> None:
    """Process the data chunk by chunk, so that memory does not grow with it.

    `feed` passes records to the engine in place of `process`, such as at a pace.
    """
    done, feed = 0, feed or process
    if built.first_bars:  # starts the strategies: their subscriptions are known only then
        process(built, built.first_bars)
    for chunk in tape.chunks([front.spliced_series for front in built.fronts]):
        records = built.exchange.records(chunk)
        _start_chunk(built.context, chunk)
        records = _with_front_bars(built.context, chunk, records)
        settle = partial(built.settlement_feeder.feed, feed=partial(feed, built))
        built.option_expiries.feed(records, settle)
        done += len(chunk.records)
        if progress is not None:
            progress(done, tape.records)
    settled = (one.expiration_ns for one in tape.contracts if str(one.id) in tape.settlements)
    built.option_expiries.finish(max([tape.end, *settled]), partial(feed, built))
    built.settlement_feeder.finish(partial(feed, built))
    _advance(built, built.engine.end)
    built.context.dispatcher.check_complete()
    built.pipeline.finish()


def _start_chunk(context: RunContext, chunk: Chunk) -> None:
    """Give the next chunk to the accounting, the fronts and the features, and to nothing else."""
    context.holdings.verify()
    if isinstance(context.trade_booker, TradeBooker):  # a session books each fill at once
        context.trade_booker.start_chunk(chunk.columns)
    if context.features.active:
        bars = {one.partition("-")[0]: chunk.columns.of(one) for one in chunk.columns.bar_types}
        context.features.compute(bars)
    for front_state in context.front_states:
        front_state.start_chunk(chunk.spliced_bars)


def start(built: BuiltRun, tape: Tape) -> None:
    """Start strategies and plugins at the data's first moment, without processing a record.

    Raises as `run` does where one of them raises or subscribes to data that do not exist.
    """
    start_engine = partial(built.engine.run, start=tape.start, end=tape.start, streaming=True)
    _advance(built, start_engine)


def _with_front_bars(context: RunContext, chunk: Chunk, records: Sequence[Any]) -> Sequence[Any]:
    """Return the records for the engine, with the bars of fronts that a component subscribed to."""
    bars = [
        bar for one in chunk.spliced_bars if one.name in context.front_bar_types for bar in one.bars
    ]
    return sorted([*records, *bars], key=attrgetter("ts_init")) if bars else records


def process(built: BuiltRun, records: Sequence[Any]) -> None:
    """Have the engine process records. Raises as `run` does where user code raised."""
    built.engine.add_data(records)
    _advance(built, partial(built.engine.run, streaming=True))
    built.engine.clear_data()


def _advance(built: BuiltRun, step: Callable[[], None]) -> None:
    """Run the engine. An exception of user code is raised first, since it is the cause."""
    try:
        step()
        built.context.exception_trap.run_deferred()
        built.context.recorder.failures.check()
    except RuntimeError as error:
        built.context.exception_trap.reraise()
        raise RunError(f"the engine stopped: {error}.") from error
    built.context.exception_trap.reraise()
