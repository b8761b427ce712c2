"""What the account can hold: dollars a contract, whatever the price; and what a breach does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from nautilus_trader.model import Bar, BarType, FuturesContract, InstrumentId, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.contracts.instruments import remade
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.journal.facts import FactKind
from qe_plugins.testing.market import nanoseconds

Trade = Callable[..., BacktestResult]
FREE = {"model": "none"}


def account(balance: str, **more: Any) -> dict[str, Any]:
    return {"nautilus": {"venue": {"starting_balances": [balance]}}, "slippage": FREE, **more}


def reasons(outcome: BacktestResult) -> list[str]:
    return outcome.orders["reason"].drop_nulls().to_list()


def test_an_account_of_exactly_the_margin_holds_one_contract(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", **account("2_000 USD"))
    assert outcome.orders["status"].to_list() == ["FILLED"]


def test_a_dollar_less_is_refused_with_the_figures(trade: Trade) -> None:
    outcome = trade("BuysAtMarket", **account("1_999 USD"))
    reason = (
        "margin: 1 MESH24.XCME at 2,000 USD each would bring initial margin to 2,000, "
        "equity is 1,999.00 (1,999.00 free)"
    )
    assert outcome.orders["status"].to_list() == ["DENIED"]
    assert reasons(outcome) == [reason]
    assert outcome.vetoes.select("plugin", "reason").rows() == [
        ("margin", reason.removeprefix("margin: "))
    ]
    assert [f.body["plugin"] for f in outcome.facts if f.kind is FactKind.VETO] == ["margin"]


@pytest.mark.parametrize("first", [4_750.0, 10.0, 0.0, -12.25])
@pytest.mark.parametrize("price", [2_000.0, 4_750.0, 9_000.0, 0.0, -37.5])
def test_the_margin_is_the_same_at_every_price(trade: Trade, first: float, price: float) -> None:
    closes = (first, price, price)
    outcome = trade("BuysAtBar2", closes=closes, **account("2_000 USD"))
    assert outcome.orders["status"].to_list() == ["FILLED"]
    assert outcome.account["locked"].to_list()[-1] == 2_000.0


@pytest.mark.parametrize("price", [9_000.0, 0.0, -37.5])
def test_a_dollar_less_is_refused_at_every_price(trade: Trade, price: float) -> None:
    outcome = trade("BuysAtBar2", closes=(4_750.0, price, price), **account("1_999 USD"))
    assert outcome.orders["status"].to_list() == ["DENIED"]
    assert reasons(outcome)[0].startswith("margin: ")


@pytest.mark.parametrize("price", [9_000.0, 50.0, -40.0])
def test_a_breach_is_one_at_every_price(trade: Trade, price: float) -> None:
    closes = (price, price, price - 41, price - 42)
    outcome = trade("BuysAtMarket", closes=closes, **account("2_000 USD"))
    assert outcome.fills.select("side", "price").rows() == [("BUY", price), ("SELL", price - 41)]


def test_a_short_breach_is_one_too(trade: Trade) -> None:
    outcome = trade("SellsAtMarket", closes=(-40.0, -40.0, 1.0, 2.0), **account("2_000 USD"))
    assert outcome.fills.select("side", "price").rows() == [("SELL", -40.0), ("BUY", 1.0)]


def test_two_limits_that_may_both_fill_need_both_margins(trade: Trade) -> None:
    outcome = trade("BuysTwiceAtLimit", **account("3_999 USD"))
    assert outcome.orders["status"].to_list() == ["ACCEPTED", "DENIED"]
    assert "would bring initial margin to 4,000" in reasons(outcome)[0]


def test_a_bracket_ties_up_one_margin(trade: Trade) -> None:
    outcome = trade("BuysABracket", **account("2_100 USD"))
    assert outcome.orders["status"].to_list()[0] == "FILLED"


def test_closing_is_always_allowed(trade: Trade) -> None:
    margin = {"margin": {"on_breach": "ignore"}}
    closes = (4_750.0, 4_750.0, 4_400.0, 4_400.0)
    outcome = trade("BuysThenSells", closes=closes, **account("2_000 USD", **margin))
    assert outcome.orders["status"].to_list() == ["FILLED", "FILLED"]


def test_turning_a_position_around_needs_the_margin(trade: Trade) -> None:
    closes = (4_750.0, 4_750.0, 4_740.0, 4_740.0)
    outcome = trade("BuysThenReverses", closes=closes, **account("2_000 USD"))
    assert outcome.orders["status"].to_list() == ["FILLED", "DENIED"]
    assert "equity is 1,949.43" in reasons(outcome)[0]


@pytest.fixture
def breached(trade: Trade) -> Callable[[str], BacktestResult]:
    """Return a function that holds one contract, 41 points down, on 2,000 USD of equity."""

    def hold(policy: str) -> BacktestResult:
        closes = (4_750.0, 4_750.0, 4_709.0, 4_708.0, 4_707.0)
        margin = {"margin": {"on_breach": policy}}
        return trade("BuysAtMarket", closes=closes, **account("2_000 USD", **margin))

    return hold


def test_a_breach_closes_positions_at_the_bar_that_shows_it(
    breached: Callable[[str], BacktestResult], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = breached("liquidate")
    reason = "equity is 1,794.43, the maintenance margin is 1,800"
    assert outcome.fills.select("side", "price").rows() == [("BUY", 4_750.0), ("SELL", 4_709.0)]
    closings = [fact.body["reason"] for fact in outcome.facts if fact.kind is FactKind.CLOSING]
    assert closings == [reason, "closes +1 MESH24.XCME of BuysAtMarket-000"]
    assert f"margin: {reason}" in caplog.text
    assert outcome.assumptions[0] == f"margin: {reason}"


def test_a_breach_may_end_new_risk_instead(breached: Callable[[str], BacktestResult]) -> None:
    outcome = breached("halt")
    assert outcome.fills["side"].to_list() == ["BUY"]
    assert [f.body["policy"] for f in outcome.facts if f.kind is FactKind.CLOSING] == ["halt"]


def test_a_breach_may_be_ignored(breached: Callable[[str], BacktestResult]) -> None:
    outcome = breached("ignore")
    assert outcome.fills["side"].to_list() == ["BUY"]
    assert not [f for f in outcome.facts if f.kind is FactKind.CLOSING]


def test_a_breach_closes_what_every_strategy_holds(trade: Trade) -> None:
    closes = (4_750.0, 4_750.0, 4_709.0, 4_708.0)
    path = "tests.engine.traders:BuysAtMarket"
    others = {"one": {"path": path}, "two": {"path": path}}
    outcome = trade(None, closes=closes, **account("4_000 USD") | {"strategies": others})
    assert outcome.fills["side"].to_list() == ["BUY", "BUY", "SELL", "SELL"]
    assert outcome.fills["price"].to_list()[2:] == [4_709.0, 4_709.0]


def test_the_account_shows_the_margin_of_the_table(trade: Trade) -> None:
    outcome = trade("BuysThenSells", **account("10_000 USD"))
    assert outcome.account.filter(pl.col("locked") > 0)["locked"].unique().to_list() == [2_000.0]
    assert outcome.account["locked"].to_list()[-1] == 0.0


@pytest.mark.parametrize(
    ("balance", "closed"),
    [("1_500 USD", True), ("2_030 USD", False)],
)
def test_a_margin_that_is_raised_meanwhile_is_held_against_the_account(
    tmp_path: Path, qe_contract: FuturesContract, balance: str, closed: bool
) -> None:
    """MES asked 1,080 to hold until the end of 2024, and 2,027 from then on."""
    name, year = InstrumentId.from_str("MESH25.XCME"), 366 * 86_400 * 10**9
    later = remade(qe_contract, instrument_id=name, expiration_ns=qe_contract.expiration_ns + year)
    kind = BarType.from_str(f"{name}-1-MINUTE-LAST-EXTERNAL")
    price, size = Price.from_str("5900.00"), Quantity.from_int(100)
    times = [nanoseconds(f"2024-12-31 15:{n:02}") for n in range(5)]
    times += [nanoseconds(f"2025-01-02 15:{n:02}") for n in range(5)]
    catalog = ParquetDataCatalog(str(tmp_path))
    catalog.write_instruments([later])
    catalog.write_bars([Bar(kind, price, price, price, price, size, ts, ts) for ts in times])
    file = tmp_path / "run.yaml"
    config = {
        "name": "raised",
        "data": {"catalog": str(tmp_path)},
        "strategies": {"hold": {"instrument_id": str(name)}},
        **account(balance),
    }
    file.write_text(yaml.safe_dump(config))
    outcome = run(load(file))
    assert outcome.fills.height == 1 + closed
    if closed:
        [reason, _] = [f.body["reason"] for f in outcome.facts if f.kind is FactKind.CLOSING]
        assert reason == "equity is 1,499.43, the maintenance margin is 2,027"
        assert f"{outcome.fills['ts'][1]:%Y-%m-%d %H:%M}" == "2025-01-02 15:00"
