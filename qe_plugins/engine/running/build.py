"""Build the engine of one run: venues, contracts, hosted components, the signal pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.model import Bar, Currency, FuturesContract, InstrumentId, Price

from qe_plugins.engine.accounting.balance import credit
from qe_plugins.engine.contracts.instruments import fee_model, without_margins
from qe_plugins.engine.hosting.host import host
from qe_plugins.engine.hosting.subscriptions import DispatchedSubscriptions
from qe_plugins.engine.rolling.front import Front, front_instrument, unmatched_bar
from qe_plugins.engine.rolling.front_state import FrontState
from qe_plugins.engine.rolling.strategy import host_on_front
from qe_plugins.engine.running.account_checks import refuse_hedging
from qe_plugins.engine.running.context import RunContext, TradingEngine
from qe_plugins.engine.settings.nautilus_config import cache_config, engine_config, venue_arguments
from qe_plugins.engine.signals.pipeline import SignalPipeline
from qe_plugins.engine.simulation.exchange import Exchange
from qe_plugins.engine.simulation.settlement import SettlementFeeder
from qe_plugins.safe_text import one_line

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.components import Component
    from qe_plugins.engine.running.prepare import PreparedRun


@dataclass(frozen=True)
class BuiltRun:
    """An engine with all its components. `first_bars` are processed before the data."""

    engine: BacktestEngine
    context: RunContext
    pipeline: SignalPipeline
    fronts: tuple[Front, ...]
    first_bars: list[Bar]
    settlement_feeder: SettlementFeeder
    exchange: Exchange


def build(prepared: PreparedRun, recorder: Recorder | None = None) -> BuiltRun:
    """Return an engine that is ready to process its data. Dispose of it before building another.

    `recorder` stores the run's facts, by default a new one.
    """
    engine = BacktestEngine(engine_config(prepared.loaded))
    try:
        exchange = Exchange(prepared.loaded.config, prepared.tape)
        model = _add_venues(engine, prepared, exchange)
        for contract in prepared.tape.contracts:
            engine.add_instrument(without_margins(contract))
        fronts = tuple(prepared.fronts.values())
        first_bars = [_add_front(engine, front, prepared.tape) for front in fronts]
        config, terms = prepared.loaded.config, prepared.terms
        context = RunContext(
            engine, prepared.plugins, config, prepared.available_data, terms, recorder
        )
        context.fronts = prepared.fronts
        pipeline = _add_components(engine, context, prepared, exchange)
        context.single_account.now = pipeline.clock.timestamp_ns
        settlement_feeder = SettlementFeeder(
            engine, prepared.tape, exchange.bars if exchange.active else None, model
        )
        return BuiltRun(engine, context, pipeline, fronts, first_bars, settlement_feeder, exchange)
    except BaseException:
        engine.dispose()
        raise


def _add_venues(engine: BacktestEngine, prepared: PreparedRun, exchange: Exchange) -> Any:
    """Add every venue that contracts trade on; return the fill model they share, or None.

    The engine has an account for each of them, for its own use only: the run has one account, whose
    balance is `Balance`.
    """
    arguments = exchange.venue(venue_arguments(prepared.loaded))
    currency = prepared.loaded.config.nautilus.venue.base_currency or "USD"
    if arguments["fee_model"] is None:
        arguments["fee_model"] = fee_model(prepared.terms, currency)
    arguments["starting_balances"] = credit(Currency.from_str(currency))
    ids = [contract.id for contract in prepared.tape.contracts]
    ids += [InstrumentId.from_str(front.id) for front in prepared.fronts.values()]
    for venue in sorted({one.venue for one in ids}, key=str):
        engine.add_venue(**arguments | {"venue": venue})
    return arguments["fill_model"]


def _add_components(
    engine: TradingEngine, context: RunContext, prepared: PreparedRun, exchange: Exchange
) -> SignalPipeline:
    """Add the signal pipeline and the configured components, which receive bars in this order."""
    hosted: Any = host(SignalPipeline, context)
    pipeline: SignalPipeline = hosted(prepared.tape.bar_types)
    engine.add_actor(pipeline)
    engine.add_exec_algorithm(context.veto_algorithm)
    exchange.connect(engine, context, pipeline.clock)
    add = {
        "strategies": engine.add_strategy,
        "actors": engine.add_actor,
        "exec_algorithms": engine.add_exec_algorithm,
    }
    for component in prepared.components:
        instance = _construct(component, context, prepared)
        if component.section == "strategies":
            context.strategies.append(instance)
        add[component.section](instance)
    return pipeline


def _construct(component: Component, context: RunContext, prepared: PreparedRun) -> object:
    """Return an instance of the class hosted for a component. Raises ConfigError with the place."""
    try:
        hosted = _hosted_class(component, context, prepared)
        if (len(prepared.components) > 1 or context.plugins_need_bars) and issubclass(
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


def _hosted_class(component: Component, context: RunContext, prepared: PreparedRun) -> Any:
    if component.roll_settings is None:
        return host(component.author, context)
    front, cache = (
        prepared.fronts[component.roll_settings.instrument],
        cache_config(prepared.loaded),
    )
    front_state = FrontState(front, component.roll_settings, capacity=cache.bar_capacity)
    context.front_states.append(front_state)
    return host_on_front(component.author, context, front_state)


def _add_front(engine: BacktestEngine, front: Front, tape: Tape) -> Bar:
    """Add a front as an instrument; return the bar that gives it a price before the data."""
    contract = next(contract for contract in tape.contracts if contract.underlying == front.root)
    engine.add_instrument(front_instrument(front, contract))
    price = Price.from_decimal_dp(_first_price(tape, contract), contract.price_precision)
    return unmatched_bar(front, price, tape.start)


def _first_price(tape: Tape, contract: FuturesContract) -> Decimal:
    """Return the first close of a contract in the data, in points; 1 where it has no bars."""
    for bar_type in tape.bar_types:
        if bar_type.startswith(f"{contract.id}-"):
            for file in sorted((tape.catalog / "data" / "bars" / bar_type).glob("*.parquet")):
                for first in pq.ParquetFile(file).iter_batches(batch_size=1, columns=["close"]):
                    return Decimal(first.column(0)[0].as_py())
    return Decimal(1)
