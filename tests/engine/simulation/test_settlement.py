"""Positions held to expiry settle at the exchange's price, to the cent, in every output."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from click.testing import CliRunner
from databento_dbn import StatMsg, StatType
from nautilus_trader.model import Bar, FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.cli import runs
from qe_plugins.config.loader import Loaded, load
from qe_plugins.data.catalog.settlements import Settlement, write
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.engine.running.describe import describe
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.report import run_folder as folder
from tests.command import ROOT
from tests.engine.conftest import CONTRACTS
from tests.market import tape

CONTRACT = "MESH24.XCME"
LAST_HOUR = [f"2024-03-15 {12 + n // 60}:{n % 60:02}" for n in range(30, 91)]
"""The last hour of the March contract, which expires at 13:30 UTC; a bar ends with it."""

LATE = 1_710_540_000_000_000_000  # 22:00 UTC
Desk = Callable[..., Loaded]


@pytest.fixture
def desk(tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]) -> Desk:
    """Return a function that configures traders who may hold MESH24, which settles at a price."""

    def configure(
        *traders: str,
        price: str | None = "4812.37",
        times: list[str] = LAST_HOUR,
        preliminary: bool = False,
        **more: Any,
    ) -> Loaded:
        home = tmp_path / "tape"
        home.mkdir()
        catalog = ParquetDataCatalog(str(home))
        catalog.write_instruments([qe_contract])
        catalog.write_bars([qe_bar(4_750 + n, at=at) for n, at in enumerate(times)])
        if price:
            said = Settlement(
                contract=CONTRACT, price=Decimal(price), published=LATE, preliminary=preliminary
            )
            write(home, {CONTRACT: said})
        config = {
            "name": "a test",
            "data": {"catalog": str(home)},
            "strategies": {n: {"path": f"tests.engine.traders:{n}"} for n in traders},
            "contracts": CONTRACTS,
            "expiry": {"flat_before": "0s"},
            **more,
        }
        file = tmp_path / "run.yaml"
        file.write_text(yaml.safe_dump(config))
        return load(file)

    return configure


def closings(outcome: BacktestResult) -> list[Fact]:
    return [fact for fact in outcome.facts if fact.kind is FactKind.CLOSING]


def test_a_position_settles_at_the_exchanges_price_between_two_ticks(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket"))
    entry, exit_ = outcome.fills.iter_rows(named=True)
    assert (entry["price"], exit_["price"], exit_["side"]) == (4_750.25, 4_812.37, "SELL")
    assert f"{exit_['ts']:%Y-%m-%d %H:%M:%S}" == "2024-03-15 13:30:00"
    # 62.12 points of 5 USD, and a fee on either side
    assert outcome.final_balance - outcome.starting_balance == Decimal("309.46")


@pytest.mark.parametrize("slippage", [{"model": "ticks", "ticks": 4}, {"model": "none"}])
def test_a_settlement_does_not_slip(desk: Desk, slippage: dict[str, Any]) -> None:
    outcome = run(desk("BuysAtMarket", slippage=slippage))
    assert outcome.fills["price"].to_list()[-1] == 4_812.37
    last = outcome.fills.row(-1, named=True)
    assert last["reference"] == last["price"]


def test_a_settlement_does_not_slip_with_a_fill_model_of_nautilus(desk: Desk) -> None:
    model = {"type": "OneTickSlippageFillModel", "args": {}}
    outcome = run(desk("BuysAtMarket", nautilus={"venue": {"fill_model": model}}))
    assert outcome.fills["price"].to_list()[-1] == 4_812.37


@pytest.mark.parametrize("slippage", ["ticks", "square_root"])
def test_a_settlement_changes_no_later_fill(
    shared_data: Path, tmp_path: Path, slippage: str
) -> None:
    config = {
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "name": "a real settlement",
        "rung": {"name": "1 ES"},
        "data": {"dbn": [str(shared_data / "es_2013")], "start": "2013-12-20T12:00"},
        "strategies": {
            "hold": {"instrument_id": "ESZ13.XCME"},
            "ema_cross": {"instrument_id": "ESH14.XCME", "fast": 5, "slow": 15},
        },
        "expiry": {"flat_before": "0s"},
        "slippage": {"model": slippage},
    }
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(config))
    without = run(load(file)).fills
    config["data"]["dbn"].append(str(_soq(tmp_path)))
    file.write_text(yaml.safe_dump(config))
    settled = run(load(file)).fills
    march = pl.col("instrument_id") == "ESH14.XCME"
    columns = ("ts", "side", "quantity", "price", "commission")
    assert settled.filter(~march)["price"].to_list()[-1] == 1_812.37
    assert settled.filter(march, pl.col("ts") > settled.filter(~march)["ts"].max()).height > 10
    assert settled.filter(march).select(columns).equals(without.filter(march).select(columns))


def _soq(folder: Path) -> Path:
    day = datetime(2013, 12, 20, tzinfo=UTC)
    at = tape.nanoseconds(day.replace(hour=22))
    said = StatMsg(
        publisher_id=1, instrument_id=20131220, ts_event=at, ts_recv=at,
        ts_ref=tape.nanoseconds(day), price=1_812_370_000_000, quantity=2**63 - 1,
        stat_type=StatType.SETTLEMENT_PRICE, stat_flags=3,
    )  # fmt: skip
    return tape.write(folder / "soq.dbn.zst", "statistics", [said], {20131220: "ESZ3"})


def test_account_trades_journal_and_report_agree(desk: Desk, tmp_path: Path) -> None:
    loaded = desk("BuysAtMarket")
    outcome = run(loaded)
    [trade] = outcome.positions.iter_rows(named=True)
    assert (trade["exit"], trade["pnl"], trade["commissions"]) == (4_812.37, 309.46, 1.14)
    facts = {fact.id: fact for fact in outcome.facts}
    [trade_fact] = [fact for fact in outcome.facts if fact.kind is FactKind.TRADE]
    assert (trade_fact.body["pnl"], trade_fact.body["exit"]) == ("309.46", "4812.37")
    fill = facts[trade_fact.cause or ""]
    order = facts[fill.cause or ""]
    [settlement] = closings(outcome)
    assert (fill.body["price"], order.cause) == ("4812.37", settlement.id)
    assert (settlement.source, settlement.body["basis"]) == ("settlement", "settlement")
    figures = folder.result(folder.write(outcome, {}, tmp_path / "run"))
    assert figures["net_pnl"] == 309.46
    assert figures["reconciles"]
    assert figures["gross_pnl"] - figures["cost"] == pytest.approx(309.46)
    [row] = figures["settlements"]
    assert (row["price"], row["published"]) == ("4812.37", "2024-03-15T22:00:00+00:00")


def test_the_report_names_price_and_day(desk: Desk, tmp_path: Path) -> None:
    outcome = run(desk("BuysAtMarket"))
    line = "+1 MESH24.XCME settled at 4,812.37, the exchange's settlement price of 2024-03-15."
    assert outcome.assumptions[0] == line
    place = folder.write(outcome, {}, tmp_path / "run")
    assert line in folder.result(place)["assumptions"]
    assert line.replace("'", "&#39;") in (place / "report.html").read_text()


@pytest.mark.parametrize(
    ("price", "how"),
    [
        ("4812.37", "at the exchange's settlement price of 2024-03-15"),
        (None, "at the contract's last close, as the data has no settlement price of 2024-03-15"),
    ],
)
def test_a_trade_says_how_its_expiry_closed_it(
    desk: Desk, tmp_path: Path, price: str | None, how: str
) -> None:
    place = folder.write(run(desk("BuysAtMarket", price=price)), {}, tmp_path / "run")
    shown = CliRunner().invoke(runs.report, [str(place), "--trade", "last"], catch_exceptions=False)
    assert f"settled: {how}" in shown.output.splitlines()


def test_a_preliminary_price_is_named_preliminary(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket", preliminary=True))
    assert "the exchange's preliminary settlement price of 2024-03-15" in outcome.assumptions[0]


def test_without_a_price_a_bar_is_used_and_the_report_says_so(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket", price=None))
    assert outcome.assumptions[0] == (
        "+1 MESH24.XCME settled at 4,810.00, its last close: "
        "the data has no settlement price of 2024-03-15."
    )
    assert [fact.body["basis"] for fact in closings(outcome)] == ["bar"]


def test_every_strategy_with_a_position_settles(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket", "BuysAtBar3"))
    assert outcome.fills["price"].to_list()[-2:] == [4_812.37, 4_812.37]
    assert len(closings(outcome)) == 2


def test_a_short_position_settles_too(desk: Desk) -> None:
    outcome = run(desk("SellsAtMarket", price="4700.01"))
    assert outcome.fills.select("side", "price").rows()[-1] == ("BUY", 4_700.01)
    assert outcome.assumptions[0].startswith("-1 MESH24.XCME settled at 4,700.01")


def test_working_orders_are_cancelled(desk: Desk) -> None:
    outcome = run(desk("BuysAtBar1AndStops"))
    assert outcome.orders["status"].to_list() == ["FILLED", "CANCELED", "FILLED"]


def test_without_a_position_nothing_settles(desk: Desk) -> None:
    outcome = run(desk("BuysThenSells"))
    assert outcome.fills.height == 2
    assert closings(outcome) == []
    assert outcome.settlements == []


def test_a_tape_that_ends_a_minute_before_expiry_settles_too(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket", times=LAST_HOUR[:-1]))
    assert outcome.fills["price"].to_list() == [4_750.25, 4_812.37]


def test_a_position_that_is_closed_in_time_is_not_settled(desk: Desk) -> None:
    outcome = run(desk("BuysAtMarket", expiry={"flat_before": "20m"}))
    assert outcome.settlements == []
    assert [fact.source for fact in closings(outcome)] == ["expiry"]


def test_two_runs_settle_alike(desk: Desk) -> None:
    loaded = desk("BuysAtMarket")
    assert run(loaded).fills_sha256 == run(loaded).fills_sha256


def test_check_says_where_the_price_will_come_from(desk: Desk) -> None:
    line = (
        "What is held into expiry settles at the exchange's settlement price: "
        "the data has that of MESH24.XCME."
    )
    assert ("assumes", line) in describe(desk("BuysAtMarket"))


def test_check_says_where_there_is_no_settlement_price(desk: Desk) -> None:
    line = (
        "What is held into expiry settles at the contract's last close: "
        "the data has no settlement price of MESH24.XCME."
    )
    assert ("assumes", line) in describe(desk("BuysAtMarket", price=None))
