"""Every market order has a reference price, whichever component sent it and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model import InstrumentId, Price, Quantity, QuoteTick
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins import Plugin, Trade, hookimpl
from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.testing.market import nanoseconds

Run = Callable[..., BacktestResult]
RISING = [4_750.0 + n for n in range(10)]


class ReceivesTrades(Plugin):
    """Receives every closed trade, as an analyst does."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Trade] = []

    @hookimpl
    def trade_closed(self, trade: Trade) -> None:
        self.received.append(trade)


def test_an_order_from_a_timer_could_expect_the_last_close(trade: Run) -> None:
    [fill] = trade("BuysFromATimer", closes=RISING).fills.iter_rows(named=True)
    assert (fill["price"], fill["reference"]) == (4_751.25, 4_751.0)


def test_a_position_that_nautilus_closes_has_a_known_slippage(trade: Run) -> None:
    outcome = trade("BuysThenClosesAll", closes=RISING, slippage={"model": "ticks", "ticks": 2})
    assert outcome.fills["reference"].to_list() == [4_750.0, 4_752.0]
    assert outcome.positions["slippage"].to_list() == [1.0]


def test_a_reference_is_found_after_the_run_where_an_analyst_receives_trades(trade: Run) -> None:
    outcome = trade("BuysThenClosesAll", ReceivesTrades(), closes=RISING)
    assert outcome.positions["slippage"].to_list() == [0.5]


@pytest.mark.parametrize("trader", ["BuysThenSells", "BuysABracket", "BuysAtLimit"])
def test_a_reference_that_is_known_during_the_run_is_not_changed(trade: Run, trader: str) -> None:
    fills: Any = trade(trader, closes=RISING).fills
    assert fills["reference"].null_count() == 0


@pytest.mark.parametrize(
    ("trader", "expected"), [("BuysAtMarket", 4_750.5), ("SellsAtMarket", 4_749.75)]
)
def test_where_there_are_quotes_an_order_could_expect_the_bid_or_the_ask(
    settings: Callable[..., Loaded], tmp_path: Path, trader: str, expected: float
) -> None:
    loaded = settings(trader, RISING, data={"catalog": str(tmp_path / "tape"), "quotes": True})
    second = 1_000_000_000
    ticks = [
        quote(4_749.75, 4_750.5, nanoseconds("2024-01-03 15:00") - second),
        quote(4_760.0, 4_761.0, nanoseconds("2024-01-03 15:00") + second),
    ]
    ParquetDataCatalog(str(tmp_path / "tape")).write_quote_ticks(ticks)
    [fill] = run(loaded).fills.iter_rows(named=True)
    assert fill["reference"] == expected


def quote(bid: float, ask: float, ts: int) -> QuoteTick:
    size = Quantity.from_int(10)
    name = InstrumentId.from_str("MESH24.XCME")
    return QuoteTick(name, Price(bid, 2), Price(ask, 2), size, size, ts, ts)


def test_a_trade_that_is_still_open_has_paid_for_its_entry(trade: Run) -> None:
    outcome = trade("BuysFromATimer", closes=RISING)
    assert outcome.positions["closed"].to_list() == [None]
    assert outcome.positions["slippage"].to_list() == [0.25]
