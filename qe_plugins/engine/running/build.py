"""Build the engine of one backtest: venues, contracts, the simulated exchange, components."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from nautilus_trader.backtest import BacktestEngine
from nautilus_trader.model import Bar, Currency, FuturesContract, InstrumentId, Price

from qe_plugins.data.options.store import utc_day
from qe_plugins.engine.accounting.holdings import credit
from qe_plugins.engine.contracts.instruments import fee_model, without_margins
from qe_plugins.engine.contracts.terms import option_terms
from qe_plugins.engine.rolling.front import Front, front_instrument, unmatched_bar
from qe_plugins.engine.running.assembly import Hosting, assemble
from qe_plugins.engine.settings.nautilus_config import engine_config, venue_arguments
from qe_plugins.engine.simulation.exchange import Exchange
from qe_plugins.engine.simulation.option_expiry import OptionExpiries, option_contract
from qe_plugins.engine.simulation.option_fixing import OptionFixings
from qe_plugins.engine.simulation.settlement import SettlementFeeder

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.engine.running.prepare import PreparedRun
    from qe_plugins.engine.signals.pipeline import SignalPipeline
    from qe_plugins.halt.latch import HaltLatch


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
    option_expiries: OptionExpiries


def build(
    prepared: PreparedRun,
    recorder: Recorder | None = None,
    latch: HaltLatch | None = None,
    hosting: Hosting | None = None,
) -> BuiltRun:
    """Return an engine that is ready to process its data. Dispose of it before building another.

    `recorder` stores the run's facts, by default a new one; a session has a halt `latch`. `hosting`
    has the classes of its components, by default those of a backtest.
    """
    engine = BacktestEngine(engine_config(prepared.loaded))
    try:
        exchange = Exchange(prepared.loaded.config, prepared.tape)
        model = _add_venues(engine, prepared, exchange)
        for contract in prepared.tape.contracts:
            engine.add_instrument(without_margins(contract))
        first_day = utc_day(prepared.tape.start)
        for option in prepared.tape.options:
            engine.add_instrument(option_contract(option, first_day))
        fronts = tuple(prepared.fronts.values())
        first_bars = [_add_front(engine, front, prepared.tape) for front in fronts]
        assembly = assemble(
            engine, prepared, recorder, latch=latch, connect=exchange.connect, hosting=hosting
        )
        settlement_feeder = SettlementFeeder(
            engine, prepared.tape, exchange.bars if exchange.active else None, model
        )
        expiries = OptionExpiries(
            engine, prepared.tape.options, OptionFixings(prepared.tape, exchange.bars).price
        )
        assembly.context.expired_options = expiries.expired
        return BuiltRun(
            engine,
            assembly.context,
            assembly.pipeline,
            fronts,
            first_bars,
            settlement_feeder,
            exchange,
            expiries,
        )
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
        arguments["fee_model"] = fee_model(prepared.terms, currency, option_terms(prepared.tape))
    arguments["starting_balances"] = credit(Currency.from_str(currency))
    ids = [contract.id for contract in prepared.tape.contracts]
    ids += [InstrumentId.from_str(front.id) for front in prepared.fronts.values()]
    for venue in sorted({one.venue for one in ids}, key=str):
        engine.add_venue(**arguments | {"venue": venue})
    return arguments["fill_model"]


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
