"""configs/backtest/es_2013.yaml in plain Nautilus: FOLDER PUBLISHERS -> the fills' SHA-256."""

import sys
from decimal import Decimal
from hashlib import sha256
from inspect import signature

from nautilus_trader import model
from nautilus_trader.adapters.databento import DatabentoDataLoader
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import PerContractFeeModel

from strategies.ema_cross import EmaCross, EmaCrossConfig

file = sys.argv[1] + "/ES.FUT_parent_{}_20131006_20131227.dbn.zst"
loader = DatabentoDataLoader(sys.argv[2])
listed = loader.load_instruments(file.format("definition"), True)
feed = next(contract for contract in listed if str(contract.id) == "ESZ3.XCME")
bars = loader.load_bars(file.format("ohlcv-1m"))
bars = [bar for bar in bars if bar.bar_type.instrument_id == feed.id]
kind = model.BarType.from_str("ESZ13.XCME-1-MINUTE-LAST-EXTERNAL")
value = bars[0].close.as_decimal() * feed.multiplier.as_decimal()
terms = {n: getattr(feed, n) for n in signature(type(feed)).parameters if hasattr(feed, n)}
terms |= {"margin_init": round(12_100 / value, 8), "margin_maint": round(11_000 / value, 8)}
balance, fee = model.Money.from_str("100_000 USD"), model.Money.from_str("2.15 USD")
venue = (model.Venue("XCME"), model.OmsType.NETTING, model.AccountType.MARGIN, [balance])
engine = BacktestEngine(BacktestEngineConfig(logging=LoggerConfig(bypass_logging=True)))
engine.add_venue(*venue, default_leverage=Decimal(1), fee_model=PerContractFeeModel(fee))
engine.add_instrument(model.FuturesContract(**terms | {"instrument_id": kind.instrument_id}))
ohlcv = ("open", "high", "low", "close", "volume", "ts_event", "ts_init")
engine.add_data([model.Bar(kind, *(getattr(bar, name) for name in ohlcv)) for bar in bars])
engine.add_strategy(EmaCross(EmaCrossConfig(instrument_id="ESZ13.XCME", fast=10, slow=30)))
engine.run()
fills = engine.generate_fills_report().sort_values("ts_event", kind="stable")
line = "{f.ts_event.value},{f.instrument_id},{f.order_side},{f.last_qty},{f.last_px},{fee}\n".format
text = "".join(line(f=f, fee=f.commission.split()[0]) for f in fills.itertuples())
print(sha256(text.encode()).hexdigest())
