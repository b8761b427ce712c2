"""Build the engine of one run: venues, contracts, hosted components, the bridge."""

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
from qe_plugins.engine.running.context import RunContext
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
    """An engine with everybody on it. `opening` is what it is to hear before the tape."""

    engine: BacktestEngine
    floor: RunContext
    bridge: SignalPipeline
    fronts: tuple[Front, ...]
    opening: list[Bar]
    settling: SettlementFeeder
    exchange: Exchange


def build(prepared: PreparedRun, recorder: Recorder | None = None) -> BuiltRun:
    """Return an engine that is ready for its tape. Dispose of it before building another.

    `recorder` takes what the run decides, by default one that is kept for the report.
    """
    engine = BacktestEngine(engine_config(prepared.loaded))
    try:
        exchange = Exchange(prepared.loaded.config, prepared.tape)
        model = _add_venues(engine, prepared, exchange)
        for contract in prepared.tape.contracts:
            engine.add_instrument(without_margins(contract))
        fronts = tuple(prepared.fronts.values())
        opening = [_add_front(engine, front, prepared.tape) for front in fronts]
        config, money = prepared.loaded.config, prepared.money
        floor = RunContext(engine, prepared.plugins, config, prepared.listings, money, recorder)
        floor.fronts = prepared.fronts
        bridge = _populate(engine, floor, prepared, exchange)
        floor.one_account.now = bridge.clock.timestamp_ns
        settling = SettlementFeeder(
            engine, prepared.tape, exchange.bars if exchange.active else None, model
        )
        return BuiltRun(engine, floor, bridge, fronts, opening, settling, exchange)
    except BaseException:
        engine.dispose()
        raise


def _add_venues(engine: BacktestEngine, prepared: PreparedRun, exchange: Exchange) -> Any:
    """Add a venue for each that contracts trade on; return the fill model they share, or None.

    The engine keeps an account for each of them. Those are only its own: the account of the run is
    one, and is held by `Balance`.
    """
    arguments = exchange.venue(venue_arguments(prepared.loaded))
    currency = prepared.loaded.config.nautilus.venue.base_currency or "USD"
    if arguments["fee_model"] is None:
        arguments["fee_model"] = fee_model(prepared.money, currency)
    arguments["starting_balances"] = credit(Currency.from_str(currency))
    ids = [contract.id for contract in prepared.tape.contracts]
    ids += [InstrumentId.from_str(front.id) for front in prepared.fronts.values()]
    for venue in sorted({one.venue for one in ids}, key=str):
        engine.add_venue(**arguments | {"venue": venue})
    return arguments["fill_model"]


def _populate(
    engine: BacktestEngine, floor: RunContext, prepared: PreparedRun, exchange: Exchange
) -> SignalPipeline:
    """Add the bridge and the configured components, which then hear bars in this order."""
    hosted: Any = host(SignalPipeline, floor)
    bridge: SignalPipeline = hosted(prepared.tape.bar_types)
    engine.add_actor(bridge)
    engine.add_exec_algorithm(floor.denier)
    exchange.connect(engine, floor, bridge.clock)
    add = {
        "strategies": engine.add_strategy,
        "actors": engine.add_actor,
        "exec_algorithms": engine.add_exec_algorithm,
    }
    for part in prepared.components:
        add[part.section](_made(part, floor, prepared))
    return bridge


def _made(part: Component, floor: RunContext, prepared: PreparedRun) -> object:
    try:
        hosted = _hosted(part, floor, prepared)
        if (len(prepared.components) > 1 or floor.hears) and issubclass(
            hosted, DispatchedSubscriptions
        ):
            floor.circles.admit(hosted)
        made = part.make(hosted)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # `sys.exit` too: a run that did nothing is no success
        message = f"{part.author.__name__} could not be made: {one_line(error)}."
        raise prepared.loaded.error(message, part.section, part.name) from error
    refuse_hedging(prepared.loaded, part, made)
    return made


def _hosted(part: Component, floor: RunContext, prepared: PreparedRun) -> Any:
    if part.roll_settings is None:
        return host(part.author, floor)
    front, cache = prepared.fronts[part.roll_settings.instrument], cache_config(prepared.loaded)
    follower = FrontState(front, part.roll_settings, capacity=cache.bar_capacity)
    floor.followers.append(follower)
    return host_on_front(part.author, floor, follower)


def _add_front(engine: BacktestEngine, front: Front, tape: Tape) -> Bar:
    contract = next(contract for contract in tape.contracts if contract.underlying == front.root)
    engine.add_instrument(front_instrument(front, contract))
    price = Price.from_decimal_dp(_first_price(tape, contract), contract.price_precision)
    return unmatched_bar(front, price, tape.start)


def _first_price(tape: Tape, contract: FuturesContract) -> Decimal:
    """Return the first close of a contract on the tape, in points; 1 where it has no bars."""
    for bar_type in tape.bar_types:
        if bar_type.startswith(f"{contract.id}-"):
            for file in sorted((tape.catalog / "data" / "bars" / bar_type).glob("*.parquet")):
                for first in pq.ParquetFile(file).iter_batches(batch_size=1, columns=["close"]):
                    return Decimal(first.column(0)[0].as_py())
    return Decimal(1)
