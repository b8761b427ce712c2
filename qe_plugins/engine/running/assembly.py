"""Put the shared components of a run on an engine: the same code for a backtest and a session.

What is beneath them (venues, instruments, data, the simulated exchange) is the engine's own and
added before, or by `connect`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import InstrumentId
from nautilus_trader.trading import Strategy

from qe_plugins.engine.hosting.host import host
from qe_plugins.engine.hosting.strategy_ids import named
from qe_plugins.engine.hosting.subscriptions import DispatchedSubscriptions
from qe_plugins.engine.rolling.front_state import FrontState
from qe_plugins.engine.rolling.strategy import host_on_front
from qe_plugins.engine.running.account_checks import refuse_hedging
from qe_plugins.engine.running.context import RunContext, TradingEngine
from qe_plugins.engine.settings.nautilus_config import cache_config
from qe_plugins.engine.signals.pipeline import SignalPipeline
from qe_plugins.engine.signals.session_pipeline import SessionPipeline
from qe_plugins.safe_text import one_line

if TYPE_CHECKING:
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.components import Component
    from qe_plugins.engine.running.prepare import PreparedRun
    from qe_plugins.halt.latch import HaltLatch

type Connect = Callable[[TradingEngine, RunContext, Any], None]
"""Adds what an engine needs of its own between the signal pipeline and the components.

It is called with the engine, the run context and the pipeline's clock.
"""


@dataclass(frozen=True)
class Hosting:
    """The classes that a session's components are derived from, in place of a backtest's.

    `strategy` is inserted below an author's strategy, None is the host's own; `adapted` derives
    from an author's class of strategies the one to host.
    """

    pipeline: type[SignalPipeline] = SessionPipeline
    strategy: type | None = None
    adapted: Callable[[type], type] = lambda author: author


@dataclass(frozen=True)
class Assembly:
    """The shared components of a run, added to an engine."""

    context: RunContext
    pipeline: SignalPipeline


def assemble(
    engine: TradingEngine,
    prepared: PreparedRun,
    recorder: Recorder | None = None,
    *,
    latch: HaltLatch | None = None,
    account_id: Any = None,
    connect: Connect | None = None,
    hosting: Hosting | None = None,
) -> Assembly:
    """Add the signal pipeline, the VetoAlgorithm and the configured components to an engine.

    Components receive bars in this order: the pipeline, then those of the configuration. With a
    `SessionRecorder` the run is a session, which has a halt `latch`; `account_id` is its account at
    a broker, None where the fills are its account, and `hosting` has the classes of its components.
    Raises ConfigError with the place where a component cannot be constructed.
    """
    context = RunContext(
        engine,
        prepared.plugins,
        prepared.loaded.config,
        prepared.available_data,
        prepared.terms,
        recorder,
        latch,
        venues={InstrumentId.from_str(name).venue for name in prepared.available_data.instruments},
        features=prepared.features.feed(prepared.tape) if prepared.features else None,
        triggered=frozenset(prepared.features.triggers) if prepared.features else frozenset(),
        declared=prepared.features.declared if prepared.features else None,
        account_id=account_id,
        options=prepared.tape.options,
    )
    context.fronts = prepared.fronts
    hosting = hosting or Hosting(SessionPipeline if context.in_session else SignalPipeline)
    pipeline = _add_components(engine, context, prepared, connect, hosting)
    context.single_account.now = pipeline.clock.timestamp_ns
    return Assembly(context, pipeline)


def _add_components(
    engine: TradingEngine,
    context: RunContext,
    prepared: PreparedRun,
    connect: Connect | None,
    hosting: Hosting,
) -> SignalPipeline:
    hosted: Any = host(hosting.pipeline, context)
    pipeline: SignalPipeline = hosted(prepared.tape.bar_types)
    engine.add_actor(pipeline)
    engine.add_exec_algorithm(context.veto_algorithm)
    if connect is not None:
        connect(engine, context, pipeline.clock)
    add = {
        "strategies": engine.add_strategy,
        "actors": engine.add_actor,
        "exec_algorithms": engine.add_exec_algorithm,
    }
    for component in prepared.components:
        instance = _construct(component, context, prepared, hosting)
        if component.section == "strategies":
            context.strategies.append(instance)
        add[component.section](instance)
    return pipeline


def _construct(
    component: Component, context: RunContext, prepared: PreparedRun, hosting: Hosting
) -> object:
    """Return an instance of the class hosted for a component. Raises ConfigError with the place."""
    try:
        hosted = _hosted_class(component, context, prepared, hosting)
        if context.in_session and issubclass(hosted, Strategy):
            hosted = named(hosted, component.name)
        if (len(prepared.components) > 1 or context.needs_bars) and issubclass(
            hosted, DispatchedSubscriptions
        ):
            context.dispatcher.register(hosted)
        instance = component.construct(hosted)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # `sys.exit` too: a run that did nothing is no success
        message = f"{component.author.__name__} could not be constructed: {one_line(error)}."
        raise prepared.loaded.error(message, component.section, component.name) from error
    refuse_hedging(prepared.loaded, component, instance)
    return instance


def _hosted_class(
    component: Component, context: RunContext, prepared: PreparedRun, hosting: Hosting
) -> Any:
    if component.section != "strategies":
        return host(component.author, context)
    if component.roll_settings is None:
        return host(hosting.adapted(component.author), context, hosting.strategy)
    front = prepared.fronts[component.roll_settings.instrument]
    capacity = cache_config(prepared.loaded).bar_capacity
    front_state = FrontState(front, component.roll_settings, capacity=capacity)
    context.front_states.append(front_state)
    return host_on_front(component.author, context, front_state)
