"""A day trader's margins: little inside a session, all of it before the close."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from nautilus_trader.model import Bar, FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import FactKind

MARGINS = {"MES": {"margin_init": 2_000, "margin_maint": 1_800, "day_trade": 300, "fee": 0.57}}
NOON = [f"2024-01-03 18:{n:02}" for n in range(6)]
LATE = [f"2024-01-03 21:{n}" for n in range(42, 50)]
"""15:42 to 15:49 in Chicago: from 15:45 on the exchange's margins hold."""

Desk = Callable[..., BacktestResult]


@pytest.fixture
def desk(tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]) -> Desk:
    """Return a function that runs a trader with 500 USD over bars that end at given times."""

    def trade(
        trader: str, times: list[str], balance: str = "500 USD", **more: Any
    ) -> BacktestResult:
        catalog = ParquetDataCatalog(str(tmp_path))
        catalog.write_instruments([qe_contract])
        catalog.write_bars([qe_bar(4_750, at=at) for at in times])
        config = {
            "name": "a day trader",
            "data": {"catalog": str(tmp_path)},
            "strategies": {"trader": {"path": f"tests.engine.traders:{trader}"}},
            "contracts": MARGINS,
            "margin": {"basis": "day_trade", **more},
            "slippage": {"model": "none"},
            "nautilus": {"venue": {"starting_balances": [balance]}},
        }
        file = tmp_path / "run.yaml"
        file.write_text(yaml.safe_dump(config))
        return run(load(file))

    return trade


def test_inside_a_session_a_small_account_holds_a_contract(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", NOON)
    assert outcome.orders["status"].to_list() == ["FILLED"]


def test_its_margin_is_shown_as_the_day_traders(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", NOON)
    assert outcome.account.filter(pl.col("locked") > 0)["locked"].unique().to_list() == [300.0]


def test_two_contracts_are_refused_with_the_figures(desk: Desk) -> None:
    outcome = desk("BuysTwiceAtLimit", NOON)
    assert outcome.orders["status"].to_list() == ["ACCEPTED", "DENIED"]
    assert "at 300 USD each would bring initial margin to 600" in outcome.orders["reason"][1]


def test_a_quarter_of_an_hour_before_the_close_nothing_small_is_opened(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", LATE[4:])
    assert (
        "1 MESH24.XCME at 2,000 USD each would bring initial margin to 2,000"
        in outcome.orders["reason"][0]
    )


def test_what_cannot_be_held_overnight_is_closed_before_the_close(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", LATE)
    assert outcome.fills.select(pl.col("ts").dt.strftime("%H:%M"), "side").rows() == [
        ("21:42", "BUY"),
        ("21:45", "SELL"),
    ]
    first = next(fact for fact in outcome.facts if fact.kind is FactKind.CLOSING)
    assert first.body["reason"] == "equity is 499.43, the maintenance margin is 1,800"


def test_how_long_before_is_a_setting(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", LATE, until_close="12m")
    assert f"{outcome.fills['ts'][1]:%H:%M}" == "21:48"


def test_an_account_that_can_hold_it_overnight_keeps_it(desk: Desk) -> None:
    assert desk("BuysAtMarket", LATE, "2_100 USD").fills.height == 1
