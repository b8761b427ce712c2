"""Collect the result of a run from the engine, before the engine is disposed of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import nautilus_trader
from nautilus_trader.model import InstrumentId

from qe_plugins.engine.accounting import reference_prices
from qe_plugins.engine.contracts.instruments import decimal, root_of
from qe_plugins.engine.recording.recorder import in_causal_order
from qe_plugins.engine.results import facts, frames, marks
from qe_plugins.engine.results.frames import account_frame
from qe_plugins.engine.results.result import BacktestResult, ContractInfo, DataInfo
from qe_plugins.engine.rolling.costs import rolls_of
from qe_plugins.engine.simulation import settlement
from qe_plugins.engine.simulation.assumptions import assumptions, waited
from qe_plugins.errors import RunError
from qe_plugins.journal.facts import Fact, FactKind

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded
    from qe_plugins.data.tape import Tape
    from qe_plugins.engine.accounting.trades import Fill
    from qe_plugins.engine.recording.observers import ObserverAnswer
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.context import RunContext

DIGITS = 6
"""Decimals of a balance: an average price may leave more while a position is partly closed."""

ENGINE = f"nautilus_trader {nautilus_trader.__version__}"


def collect_result(
    loaded: Loaded,
    tape: Tape,
    context: RunContext,
    run_id: str,
    started: datetime,
    answers: list[ObserverAnswer],
) -> BacktestResult:
    """Return the result of a run, for its report and its journal.

    `answers` are the observers' reviews and proposals. `seconds` stays empty: the runner measures
    it. Raises RunError where the engine's accounts and the fills disagree.
    """
    context.trade_booker.book_until()
    if wrong := context.balance.differs(context.single_account.engines):
        raise RunError(f"{wrong}: nothing of this run can be believed.")
    orders = _orders_by_submission(context)
    result = result_of(loaded, tape, context, context.recorder, orders, run_id, started)
    settlements = settlement.settlement_records(
        context.recorder.fills, tape.settlements, context.expired_options
    )
    result.facts[:] = _collect_facts(loaded, tape, context, orders, settlements, answers)
    return result


def result_of(
    loaded: Loaded,
    tape: Tape,
    context: RunContext,
    recorder: Recorder,
    orders: Sequence[Any],
    run_id: str,
    started: datetime,
) -> BacktestResult:
    """Return the result of a run without its facts, from what `recorder` has.

    `orders` are the engine's, or have its names. `seconds` stays empty.
    """
    balance, currency = context.balance, loaded.config.nautilus.venue.base_currency or "USD"
    open_trades = reference_prices.complete(recorder, orders, tape)
    settlements = settlement.settlement_records(
        recorder.fills, tape.settlements, context.expired_options
    )
    options = {one.id for one in tape.options}
    ids = {str(contract.id): contract.id for contract in tape.contracts}
    ids |= {name: InstrumentId.from_str(name) for name in options}
    traded = {fill.instrument_id for fill in recorder.fills} | {
        str(order.instrument_id) for order in orders
    }
    return BacktestResult(
        run_id=run_id,
        name=loaded.config.name,
        engine=ENGINE,
        started=started,
        data=_data_info(tape, context, traded),
        catalog=tape.catalog,
        bar_spec=loaded.config.data.bars,
        starting_balance=balance.starting,
        final_balance=round(balance.total(), DIGITS),
        open_premium=round(balance.premium_paid(), DIGITS),
        currency=currency,
        orders=frames.orders_frame(orders, recorder),
        fills=frames.fills_frame(recorder.fills),
        positions=frames.positions_frame(recorder.trades, open_trades),
        account=account_frame(
            recorder.fills,
            {name: decimal(context.instruments[name].multiplier) for name in traded},
            lambda one, ts: context.margin.rates(ids[one], ts).initial,
            start=tape.start,
            starting=balance.starting,
            currency=currency,
            options=options,
            noted=context.margin.noted,
        ),
        signals=frames.signals_frame(recorder),
        vetoes=frames.vetoes_frame(recorder.facts),
        marks=marks.hourly(tape, traded),
        option_quotes=marks.option_quotes(tape, {fill.instrument_id for fill in recorder.fills}),
        fills_sha256=fills_sha256(recorder.fills),
        plugins=context.plugins.stats(),
        failures=context.recorder.failures.to_plain(),
        rolls=rolls_of(recorder),
        settlements=[msgspec.to_builtins(one) for one in settlements],
        assumptions=[
            *context.liquidator.warnings,
            *settlement.settlements_in_words(settlements),
            *waited(
                context.queue.stale if context.queue else 0, loaded.config.fills.stale_after / 60
            ),
            *assumptions(loaded, context.terms, tape),
        ],
    )


def fills_sha256(fills: Iterable[Fill]) -> str:
    """Return the SHA-256 (hex) of the fills in order, one line each.

    A line is `ts_event,instrument_id,side,quantity,price,commission`, decimals as Nautilus prints
    them, commission without its currency, `\\n` after each.
    """
    digest = hashlib.sha256()
    for fill in fills:
        what = (fill.ts, fill.instrument_id, fill.side, abs(fill.quantity))
        digest.update(f"{','.join(map(str, what))},{fill.price},{fill.commission}\n".encode())
    return digest.hexdigest()


def _orders_by_submission(context: RunContext) -> list[Any]:
    """Return every order in the order of submission; orders of the engine itself last."""
    known = {order.client_order_id: order for order in context.cache.orders()}
    own = [known.pop(i) for i in context.recorder.sent_on if i in known]
    rest = list(known.values())
    rest.sort(key=lambda order: (order.ts_init, context.recorder.order_id(order)))
    return sorted(own + rest, key=lambda order: order.ts_init)


def _collect_facts(
    loaded: Loaded,
    tape: Tape,
    context: RunContext,
    orders: list[Any],
    settlements: list[settlement.SettlementRecord],
    answers: list[ObserverAnswer],
) -> list[Fact]:
    recorder = context.recorder
    causes = facts.forced_close_orders(orders, recorder)
    causes |= settlement.record_settlements(settlements, recorder)
    run = Fact(
        id="run:1",
        kind=FactKind.RUN,
        ts_event=tape.start,
        source="quant-engine",
        body={
            "name": loaded.config.name,
            "engine": ENGINE,
            "data": tape.label,
            "records": tape.records,
            "end": tape.end,
            "plugins": context.plugins.names,
        },
    )
    happened = [
        *facts.signal_facts(recorder),
        *recorder.facts,
        *facts.order_facts(orders, recorder, causes),
        *facts.fill_facts(recorder.fills),
        *facts.trade_facts(recorder.trades, recorder.closing_fill),
        *facts.observer_facts(answers),
        *recorder.failures.facts(),
    ]
    return [run, *in_causal_order(happened)]


def _data_info(tape: Tape, context: RunContext, traded: set[str]) -> DataInfo:
    """Return what a run was made on: every future, and the options that were traded."""
    options = [context.instruments[one.id] for one in tape.options if one.id in traded]
    return DataInfo(
        source=tape.source,
        label=tape.label,
        start=tape.start,
        end=tape.end,
        bars=tape.bars,
        present=tape.present(),
        refused=dict(tape.refused),
        contracts=[
            *(_contract_info(one) for one in tape.contracts),
            *(_contract_info(one, is_option=True) for one in options),
        ],
    )


def _contract_info(contract: Any, *, is_option: bool = False) -> ContractInfo:
    return ContractInfo(
        id=str(contract.id),
        root=root_of(contract),
        tick=decimal(contract.price_increment),
        multiplier=decimal(contract.multiplier),
        currency=contract.currency.code,
        precision=contract.price_precision,
        expiry=contract.expiration_ns,
        is_option=is_option,
    )
