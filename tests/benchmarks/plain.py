"""The EMA cross in plain Nautilus, from a catalog: the baseline that hosting is held against.

`python plain.py CATALOG FAST SLOW` prints JSON: bars, orders, seconds (reading and running). The
garbage collector is set as it is for ours, which makes plain Nautilus faster, too.
"""

from __future__ import annotations

import json
import sys
from time import process_time

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import PerContractFeeModel
from nautilus_trader.model import AccountType, Currency, Money, OmsType, Venue
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins import gc_tuning
from strategies.ema_cross import EmaCross, EmaCrossConfig


def main(folder: str, fast: str, slow: str) -> None:
    catalog = ParquetDataCatalog(folder)
    config = BacktestEngineConfig(logging=LoggerConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=Venue("XCME"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money.from_str("1_000_000 USD")],
        base_currency=Currency.from_str("USD"),
        fee_model=PerContractFeeModel(Money.from_str("0.57 USD")),
    )
    [contract] = catalog.instruments()
    engine.add_instrument(contract)
    lengths = {"fast": int(fast), "slow": int(slow)}
    engine.add_strategy(EmaCross(EmaCrossConfig(instrument_id=str(contract.id), **lengths)))
    began = process_time()
    with gc_tuning.relaxed_gc():
        bars = catalog.query_bars([f"{contract.id}-1-MINUTE-LAST-EXTERNAL"])
        engine.add_data(bars)
        engine.run()
    seconds = process_time() - began
    orders = engine.cache.orders_total_count()
    print(json.dumps({"bars": len(bars), "orders": orders, "seconds": seconds}))
    engine.dispose()


main(*sys.argv[1:])
