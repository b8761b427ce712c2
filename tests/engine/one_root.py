"""Run a strategy on minutes of one contract of any root."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from nautilus_trader.model import (
    AssetClass,
    Bar,
    BarType,
    Currency,
    FuturesContract,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.market.specs import market

CHICAGO = ZoneInfo("America/Chicago")
PRICES = {"ES": "1800.00", "MES": "1800.00", "CL": "93.00", "GC": "1250.0", "ZN": "125.500000"}


def ns(moment: str) -> int:
    """Return UTC nanoseconds of a time in Chicago."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=CHICAGO).timestamp()) * 10**9


def trade(
    folder: Path, symbol: str, expires: int, times: tuple[str, ...], trader: str, **more: Any
) -> BacktestResult:
    """Run `trader` on `GCZ13` or another contract; `times` in Chicago are when its bars close."""
    catalog = ParquetDataCatalog(str(folder))
    contract, bars = market_of(symbol, expires, times)
    catalog.write_instruments([contract])
    catalog.write_bars(bars)
    venue = {"name": market(symbol[:-3]).exchange, "starting_balances": ["1_000_000 USD"]}
    config: dict[str, Any] = {
        "name": f"{symbol} alone",
        "data": {"catalog": str(folder)},
        "strategies": {"trader": {"path": f"tests.engine.traders:{trader}"}},
        "nautilus": {"venue": venue},
        **more,
    }
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(config))
    return run(load(file))


def market_of(
    symbol: str, expires: int, times: tuple[str, ...]
) -> tuple[FuturesContract, list[Bar]]:
    """Return a contract, and its bars of one price that close at `times` in Chicago."""
    root = symbol[:-3]
    terms, price = market(root), Price.from_str(PRICES[root])
    name = InstrumentId.from_str(f"{symbol}.{terms.exchange}")
    contract = FuturesContract(
        instrument_id=name,
        raw_symbol=Symbol(symbol),
        asset_class=AssetClass.INDEX,
        underlying=root,
        activation_ns=0,
        expiration_ns=expires,
        currency=Currency.from_str("USD"),
        price_precision=price.precision,
        price_increment=Price.from_decimal_dp(terms.tick, price.precision),
        multiplier=Quantity.from_int(int(terms.multiplier)),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )
    kind = BarType.from_str(f"{name}-1-MINUTE-LAST-EXTERNAL")
    many = Quantity.from_int(1_000)
    stamps = [ns(at) for at in times]
    return contract, [Bar(kind, price, price, price, price, many, t, t) for t in stamps]
