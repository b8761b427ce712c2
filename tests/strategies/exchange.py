"""A tiny plain Nautilus exchange: hand-made bars of one MES contract, no plugin, no gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import DataActor, LoggerConfig
from nautilus_trader.execution import PerContractFeeModel
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    CustomData,
    DataType,
    Money,
    OmsType,
    Venue,
)
from nautilus_trader.risk import RiskEngineConfig

from qe_plugins import Signal

SIGNALS = DataType("Signal")


@dataclass(frozen=True)
class Done:
    """What came of a run: fills as `+1 @ 4750.00`, orders as `STOP_MARKET CANCELED 0 of 1`."""

    fills: list[str]
    orders: list[str]
    tags: list[list[str]]
    open_contracts: int
    reduce_only: bool


class Desk:
    """A desk that always gives the same size and remembers what it was asked."""

    def __init__(self, contracts: int) -> None:
        self.contracts = contracts
        self.asked: list[Signal] = []

    def size(self, signal: Signal) -> int:
        self.asked.append(signal)
        return self.contracts


class Announcer(DataActor):
    """Publishes signals at the close of the bars they belong to, as the bridge does."""

    bar_type: BarType
    signals: Mapping[int, Signal]

    def on_start(self) -> None:
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        if signal := self.signals.get(bar.ts_event):
            self.publish_data(SIGNALS, CustomData(SIGNALS, signal))


def trade(
    strategy: Any,
    instrument: Any,
    bars: Sequence[Bar],
    signals: Mapping[int, Signal] | None = None,
    balance: str = "100_000 USD",
    risk: RiskEngineConfig | None = None,
    **venue: Any,
) -> Done:
    """Run `strategy` on `bars`; `signals` are published at the bars of these numbers."""
    quiet = LoggerConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=quiet, risk_engine=risk))
    engine.add_venue(
        Venue("XCME"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money.from_str(balance)],
        fee_model=PerContractFeeModel(Money.from_str("0.57 USD")),
        **venue,
    )
    try:
        engine.add_instrument(instrument)
        engine.add_data(list(bars))
        raised: list[BaseException] = []
        if signals:
            engine.add_actor(_loud(_announcer(bars, signals), raised))
        engine.add_strategy(_loud(strategy, raised))
        engine.run()
        if raised:
            raise raised[0]
        return _done(engine)
    finally:
        engine.dispose()


def _loud(component: Any, raised: list[BaseException]) -> Any:
    """Keep what callbacks raise: the engine would swallow it."""

    def keeping(callback: Any) -> Any:
        def call(*event: Any) -> None:
            try:
                callback(*event)
            except BaseException as error:
                raised.append(error)
                raise

        return call

    for name in [name for name in dir(component) if name.startswith("on_")]:
        setattr(component, name, keeping(getattr(component, name)))
    return component


def _announcer(bars: Sequence[Bar], signals: Mapping[int, Signal]) -> Announcer:
    announcer = Announcer()
    announcer.bar_type = bars[0].bar_type
    announcer.signals = {bars[number].ts_event: signal for number, signal in signals.items()}
    return announcer


def _number(order: Any) -> int:
    return int(order.client_order_id.value.split("-")[-1])


def _done(engine: BacktestEngine) -> Done:
    orders = sorted(engine.cache.orders(), key=_number)
    fills = [event for order in orders for event in order.events() if hasattr(event, "last_px")]
    return Done(
        fills=[
            f"{'+' if fill.is_buy else '-'}{fill.last_qty} @ {fill.last_px}"
            for fill in sorted(fills, key=lambda fill: fill.ts_event)
        ],
        orders=[
            f"{o.order_type.name} {o.status.name} {o.filled_qty} of {o.quantity}" for o in orders
        ],
        tags=[list(o.tags or []) for o in orders],
        open_contracts=int(sum(p.signed_qty for p in engine.cache.positions_open())),
        reduce_only=any(o.is_reduce_only for o in orders),
    )
