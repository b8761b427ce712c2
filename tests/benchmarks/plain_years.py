"""The EMA cross on a root in plain Nautilus, the front switched by hand: the baseline of years.

`python plain_years.py CATALOG FAST SLOW` streams a generated catalog quarter by quarter and prints
JSON: bars, orders, and seconds of processor time of the whole process. The garbage collector is set
as it is for ours.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import PerContractFeeModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Quantity,
    Venue,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from qe_plugins import gc_tuning

QUARTER = 91 * 86_400_000_000_000
BARS = "1-MINUTE-LAST-EXTERNAL"


class FrontConfig(msgspec.Struct, frozen=True):
    """`turns` are (UTC nanoseconds, contract) from which a contract is the front."""

    turns: list[tuple[int, str]]
    fast: int
    slow: int


class Front(Strategy):
    """Be long while the fast average of the front is above the slow one, else short."""

    def __init__(self, config: FrontConfig) -> None:
        super().__init__(config)
        self.coming = list(config.turns)
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)
        self.front: Any = None
        self.held = Decimal(0)
        self.turn()

    def turn(self) -> None:
        """Take the next contract for the front."""
        _, name = self.coming.pop(0)
        self.front = InstrumentId.from_str(name)

    def on_start(self) -> None:
        for _, name in [(0, str(self.front)), *self.coming]:
            self.subscribe_bars(BarType.from_str(f"{name}-{BARS}"))

    def on_bar(self, bar: Bar) -> None:
        if bar.bar_type.instrument_id != self.front:
            return
        if self.coming and bar.ts_event >= self.coming[0][0]:
            wanted = int(self.held)
            self.become(0)
            self.turn()
            self.become(wanted, Decimal(0))
            return
        self.fast.handle_bar(bar)
        self.slow.handle_bar(bar)
        if self.slow.initialized:
            self.become(1 if self.fast.value > self.slow.value else -1)

    def on_order_filled(self, event: Any) -> None:
        filled = event.last_qty.as_decimal()
        self.held += filled if event.is_buy else -filled

    def become(self, position: int, held: Decimal | None = None) -> None:
        """Trade from the position held to `position` with one market order."""
        missing = int(position - (self.held if held is None else held))
        if missing:
            side = OrderSide.BUY if missing > 0 else OrderSide.SELL
            quantity = Quantity.from_int(abs(missing))
            self.submit_order(self.order_factory.market(self.front, side, quantity))


def turns(catalog: Path) -> list[tuple[int, str]]:
    """Return when each contract becomes the front: 15:00 UTC of the sessions that are known."""
    [rolls] = json.loads((catalog / "rolls.json").read_text()).values()
    found = [(0, rolls[0]["before"])]
    for roll in rolls:
        at = datetime.fromisoformat(f"{roll['date']}T15:00").replace(tzinfo=UTC)
        found.append((int(at.timestamp()) * 10**9, roll["after"]))
    return found


def main(folder: str, fast: str, slow: str) -> None:
    catalog = ParquetDataCatalog(folder)
    config = BacktestEngineConfig(logging=LoggerConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=Venue("XCME"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money.from_str("100_000_000 USD")],
        base_currency=Currency.from_str("USD"),
        fee_model=PerContractFeeModel(Money.from_str("2.15 USD")),
    )
    contracts = sorted(catalog.instruments(), key=lambda contract: contract.expiration_ns)
    for contract in contracts:
        engine.add_instrument(contract)
    engine.add_strategy(Front(FrontConfig(turns(Path(folder)), int(fast), int(slow))))
    names = [f"{contract.id}-{BARS}" for contract in contracts]
    start, bars = contracts[0].expiration_ns - QUARTER, 0
    with gc_tuning.relaxed_gc():
        while start < contracts[-1].expiration_ns:
            piece = catalog.query_bars(names, start, start + QUARTER - 1)
            bars, start = bars + len(piece), start + QUARTER
            if piece:
                engine.add_data(piece)
                engine.run(streaming=True)
                engine.clear_data()
        engine.end()
    orders = engine.cache.orders_total_count()
    print(json.dumps({"bars": bars, "orders": orders, "seconds": process_time()}))
    engine.dispose()


main(*sys.argv[1:])
