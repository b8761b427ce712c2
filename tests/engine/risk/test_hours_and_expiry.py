"""Orders while the market is closed, and positions as their contract expires."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nautilus_trader.model import Bar, BarType, FuturesContract, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import FactKind
from qe_plugins.testing.market import nanoseconds
from tests.engine.conftest import CONTRACTS

Desk = Callable[..., BacktestResult]
EVENING = [f"2024-01-03 {at}" for at in ("21:58", "21:59", "22:00", "23:01", "23:02", "23:03")]
"""The last minutes before the break of 16:00 in Chicago, and the first after it."""

LAST_HOUR = [f"2024-03-15 {12 + n // 60}:{n % 60:02}" for n in range(30, 91)]
"""The last hour of the March contract, which expires at 13:30 UTC."""


@pytest.fixture
def desk(tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]) -> Desk:
    """Return a function that runs a trader over bars at given times, a point higher each."""

    def trade(trader: str, times: list[str], **more: Any) -> BacktestResult:
        folder = tmp_path / "tape"
        folder.mkdir()
        catalog = ParquetDataCatalog(str(folder))
        catalog.write_instruments([qe_contract])
        catalog.write_bars([qe_bar(4_750 + n, at=at) for n, at in enumerate(times)])
        file = tmp_path / "run.yaml"
        config = {
            "name": "a test",
            "data": {"catalog": str(folder)},
            "strategies": {"trader": {"path": f"tests.engine.traders:{trader}"}},
            "contracts": CONTRACTS,
            "slippage": {"model": "none"},
            **more,
        }
        file.write_text(yaml.safe_dump(config))
        return run(load(file))

    return trade


REFUSE = {"when_closed": "refuse"}


def test_a_market_order_on_the_last_bar_before_the_break_may_be_refused(desk: Desk) -> None:
    outcome = desk("BuysAtBar3", EVENING, session=REFUSE)
    reason = "session: the market is closed until 2024-01-03 17:00 in Chicago"
    assert outcome.orders.select("status", "reason").rows() == [("DENIED", reason)]


def test_a_market_order_a_minute_before_the_break_is_filled(desk: Desk) -> None:
    assert desk("BuysAtBar2", EVENING).fills["price"].to_list() == [4_751.0]


def test_an_order_in_the_break_from_a_timer_may_be_refused(desk: Desk) -> None:
    outcome = desk("BuysInTheBreak", EVENING, session=REFUSE)
    assert outcome.orders["status"].to_list() == ["DENIED"]


def test_an_order_that_waits_is_queued_through_the_break(desk: Desk) -> None:
    outcome = desk("StopsInAtBar3", EVENING)
    assert outcome.fills.select(outcome.fills["ts"].dt.strftime("%H:%M"), "price").rows() == [
        ("23:01", 4_753.0)
    ]


def test_closing_in_the_break_is_never_refused_and_fills_at_the_first_price_after_it(
    desk: Desk,
) -> None:
    outcome = desk("BuysThenSells", EVENING, session=REFUSE)
    assert outcome.fills["price"].to_list() == [4_750.0, 4_753.0]


def test_a_market_order_in_the_break_waits_for_the_first_price_after_it(desk: Desk) -> None:
    outcome = desk("BuysAtBar3", EVENING)
    assert outcome.fills.select(outcome.fills["ts"].dt.strftime("%H:%M"), "price").rows() == [
        ("23:01", 4_753.0)
    ]


def test_the_report_counts_the_orders_that_waited_for_a_fresh_price(desk: Desk) -> None:
    hole = [f"2024-01-03 {at}" for at in ("15:00", "15:01", "16:30", "16:31")]
    outcome = desk("BuysInTheBreak", hole)
    assert outcome.fills["price"].to_list() == [4_752.0]
    line = "1 order waited for the next bar: the last price was older than 5 min."
    assert outcome.assumptions[0] == line


def early(span: str) -> dict[str, str]:
    return {"flat_before": span}


def test_a_position_is_flat_before_expiry_and_its_stop_is_gone(desk: Desk) -> None:
    outcome = desk("BuysAtBar1AndStops", LAST_HOUR, expiry=early("20m"))
    closed = outcome.fills["ts"].to_list()[-1]
    assert f"{closed:%H:%M}" == "13:10"
    assert outcome.orders["status"].to_list() == ["FILLED", "CANCELED", "FILLED"]
    [fact] = [fact for fact in outcome.facts if fact.kind is FactKind.CLOSING]
    assert fact.body["reason"] == "closes +1 MESH24.XCME of BuysAtBar1AndStops-000"


def test_the_journal_has_the_forced_close_and_its_slippage(desk: Desk) -> None:
    outcome = desk("BuysAtBar1AndStops", LAST_HOUR, expiry=early("20m"), slippage={"ticks": 2})
    facts = {fact.id: fact for fact in outcome.facts}
    [trade] = [fact for fact in outcome.facts if fact.kind is FactKind.TRADE]
    order = facts[facts[trade.cause or ""].cause or ""]
    assert facts[order.cause or ""].kind is FactKind.CLOSING
    assert trade.body["slippage"] == "1.00"  # two ticks in, two ticks out
    assert outcome.positions["slippage"].to_list() == [1.0]


def test_no_new_risk_is_taken_in_the_last_minutes(desk: Desk) -> None:
    outcome = desk("BuysAtBar3", LAST_HOUR, expiry=early("1h"))
    assert outcome.orders["reason"].to_list() == ["expiry: MESH24.XCME expires in 58 min"]


def test_without_a_settlement_price_a_contract_settles_at_its_last_close_not_at_its_high(
    tmp_path: Path, qe_contract: FuturesContract
) -> None:
    kind = BarType.from_str(f"{qe_contract.id}-1-MINUTE-LAST-EXTERNAL")
    stamps = [nanoseconds(f"2024-03-15 13:{n}") for n in range(26, 32)]
    prices = [Price(points, 2) for points in (4_750, 4_760, 4_740, 4_745)]
    catalog = ParquetDataCatalog(str(tmp_path))
    catalog.write_instruments([qe_contract])
    catalog.write_bars([Bar(kind, *prices, Quantity.from_int(100), ts, ts) for ts in stamps])
    config = {
        "name": "a test",
        "data": {"catalog": str(tmp_path)},
        "strategies": {"trader": {"path": "tests.engine.traders:BuysAtMarket"}},
        "contracts": CONTRACTS,
        "slippage": {"model": "none"},
        "expiry": early("0s"),
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    fills = run(load(tmp_path / "run.yaml")).fills
    assert fills["price"].to_list() == [4_745.0, 4_745.0]


def test_slippage_and_nautilus_own_rules_do_not_go_together(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="slippage is ticks, and Nautilus' own rules"):
        desk("BuysAtBar3", EVENING, slippage={"model": "ticks"}, fills={"rules": "nautilus"})


def test_a_position_may_be_held_to_settlement_at_the_last_price(desk: Desk) -> None:
    outcome = desk("BuysAtMarket", LAST_HOUR, expiry=early("0s"))
    assert outcome.fills["price"].to_list() == [4_750.0, 4_810.0]
