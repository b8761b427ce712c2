"""With quotes, orders fill at the bid and the ask, and bars do not trade."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import FuturesContract, Price, Quantity, QuoteTick
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from tests.engine.simulation import desk
from tests.engine.simulation.desk import MINUTE, START, Scripted, Table, limit, market, stop

SECOND = 1_000_000_000
BIDS = {1: 4_749.75, 50: 4_749.75, 65: 4_751.0, 90: 4_744.0, 115: 4_749.0}
"""Bids by the second, from 15:00 UTC on; the ask is two ticks above."""

Bought = Callable[..., list[tuple[int, str, float]]]


@pytest.fixture
def filled(tmp_path: Path, qe_contract: FuturesContract) -> Bought:
    """Return a function that sends orders after the first bar; fills are by the second."""

    def play(*orders: Any, chunk: int = 20_000, **more: Any) -> list[tuple[int, str, float]]:
        folder = tmp_path / f"catalog-{chunk}"
        folder.mkdir(exist_ok=True)
        name = str(qe_contract.id)
        catalog = ParquetDataCatalog(str(folder))
        catalog.write_instruments([qe_contract])
        bars = [(START + n * MINUTE, (4_750, 4_760, 4_740, 4_750)) for n in (1, 2, 3)]
        catalog.write_bars([desk._bar(name, ts, candle) for ts, candle in bars])
        size = Quantity.from_int(50)
        ticks = [
            QuoteTick(qe_contract.id, Price(bid, 2), Price(bid + 0.5, 2), size, size, ts, ts)
            for second, bid in BIDS.items()
            for ts in [START + second * SECOND]
        ]
        catalog.write_quote_ticks(ticks)
        Scripted.tables = {name: Table("quotes", [], {1: list(orders)}, [])}
        file = tmp_path / "quotes.yaml"
        config = {
            "name": "quotes",
            "data": {"catalog": str(folder), "quotes": True, "chunk_size": chunk},
            "strategies": {"scripted": {"path": "tests.engine.simulation.desk:Scripted"}},
            "contracts": {"MES": {"margin_init": 2_000, "margin_maint": 1_800, "fee": 0}},
            **more,
        }
        file.write_text(yaml.safe_dump(config))
        fills = run(load(file)).fills
        seconds = [(ts - START) // SECOND for ts in fills["ts"].cast(int)]
        return list(zip(seconds, fills["side"], fills["price"], strict=True))

    return play


def test_a_market_order_pays_the_ask_and_slips(filled: Bought) -> None:
    assert filled(market("buy")) == [(60, "BUY", 4_750.5)]


def test_a_market_sale_gets_the_bid_and_slips(filled: Bought) -> None:
    assert filled(market("sell")) == [(60, "SELL", 4_749.5)]


def test_a_limit_at_the_ask_fills_at_once_and_never_past_itself(filled: Bought) -> None:
    assert filled(limit("buy", 4_750.25)) == [(60, "BUY", 4_750.25)]


def test_a_limit_below_the_ask_waits_for_a_quote_and_not_for_the_bar(filled: Bought) -> None:
    assert filled(limit("buy", 4_746)) == [(90, "BUY", 4_746.0)]


def test_a_stop_fills_at_the_quote_that_reaches_it(filled: Bought) -> None:
    assert filled(stop("buy", 4_751)) == [(65, "BUY", 4_751.75)]


def test_a_bar_s_low_triggers_no_stop_that_the_quotes_do_not_reach(filled: Bought) -> None:
    assert filled(stop("sell", 4_743)) == []


@pytest.mark.parametrize("model", ["volume_share", "square_root", "ticks"])
def test_no_setting_of_memory_changes_a_fill_on_quotes(filled: Bought, model: str) -> None:
    slippage = {"slippage": {"model": model}}
    wanted = filled(market("buy", 40), **slippage)
    assert filled(market("buy", 40), chunk=1_000, **slippage) == wanted
