"""Fees, margins and hours of each root as the dated table has them, and what overrides it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model import Currency, Quantity

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.contracts.instruments import FeeByDate, fee_model
from qe_plugins.engine.contracts.terms import (
    ContractTerms,
    contract_terms,
    fees_in_words,
    margins_in_words,
)
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.engine.running.describe import describe
from qe_plugins.errors import ConfigError
from qe_plugins.market.sessions import closed_until, trading_window
from qe_plugins.market.specs import market
from qe_plugins.plugins.builtin.dollar_risk import DollarRisk
from qe_plugins.plugins.types import Rung, Side, Signal

Settings = Callable[..., Loaded]
Trade = Callable[..., BacktestResult]


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def terms(settings: Settings) -> Callable[..., ContractTerms]:
    """Return a function that looks up a root over a window, past a configuration."""

    def find(root: str, start: str, end: str, **more: Any) -> ContractTerms:
        loaded = settings(None, **{"contracts": {}, **more})
        contract: Any = SimpleNamespace(underlying=root)
        return contract_terms(loaded, [contract], ns(start), ns(end))[root]

    return find


@pytest.mark.parametrize(
    ("root", "day", "fee", "initial", "maintenance"),
    [
        ("ES", "2023-05-03", "2.15", 11_880, 10_800),
        ("NQ", "2023-05-03", "2.15", 16_500, 15_000),
        ("MES", "2023-05-03", "0.57", 1_188, 1_080),
        ("CL", "2023-05-03", "2.47", 7_480, 6_800),
        ("GC", "2023-05-03", "2.47", 6_600, 6_000),
        ("ZN", "2023-05-03", "2.47", 1_650, 1_500),
        ("ES", "2021-05-03", "2.15", 12_100, 11_000),
        ("ES", "2025-05-05", "2.15", 22_302, 20_275),
        ("MES", "2025-05-05", "0.57", 2_230, 2_027),
    ],
)
def test_fees_and_margins_are_those_of_the_day(
    terms: Callable[..., ContractTerms],
    root: str,
    day: str,
    fee: str,
    initial: int,
    maintenance: int,
) -> None:
    found = terms(root, f"{day} 12:00", f"{day} 20:00")
    assert found.fee(ns(f"{day} 15:00")) == Decimal(fee)
    margins = found.margin(ns(f"{day} 15:00"))
    assert (margins.initial, margins.maintenance) == (initial, maintenance)
    assert found.source == "configs/markets.yaml"


@pytest.mark.parametrize(
    ("root", "at", "opens"),
    [
        ("ES", "2023-05-03 21:00", "17:00"),
        ("NQ", "2013-10-09 20:15", "15:30"),
        ("MES", "2023-05-06 12:00", "17:00"),
        ("CL", "2023-05-03 21:30", "17:00"),
        ("GC", "2023-05-03 21:59", "17:00"),
        ("ZN", "2023-05-03 21:00", "17:00"),
        ("ES", "2023-05-03 20:59", None),
        ("NQ", "2023-05-03 22:00", None),
        ("MES", "2023-05-07 22:00", None),
        ("CL", "2013-10-09 21:00", None),
        ("GC", "2023-05-03 15:00", None),
        ("ZN", "2023-05-03 20:59", None),
    ],
)
def test_a_market_is_closed_from_its_close_to_its_open(
    root: str, at: str, opens: str | None
) -> None:
    until = closed_until(root, ns(at))
    assert (until and f"{until:%H:%M}") == opens


@pytest.mark.parametrize(
    ("root", "at", "minutes"),
    [("ES", "2013-10-09 20:00", 15), ("ES", "2013-10-09 20:45", 30), ("GC", "2023-05-03 20:59", 1)],
)
def test_trading_next_stops_at_a_halt_or_the_close(root: str, at: str, minutes: int) -> None:
    start, end = trading_window(root, ns(at)) or (0, 0)
    assert start <= ns(at)
    assert end - ns(at) == minutes * 60 * 10**9


def test_margins_change_on_the_evening_before_their_day(
    terms: Callable[..., ContractTerms],
) -> None:
    found = terms("ES", "2022-01-18", "2022-01-25")
    assert found.margin(ns("2022-01-20 22:59:59")).initial == 12_100
    assert found.margin(ns("2022-01-20 23:00:00")).initial == 11_880


def test_a_run_says_which_table_and_which_day(terms: Callable[..., ContractTerms]) -> None:
    found = terms("ES", "2022-01-18", "2022-01-25")
    table = "(configs/markets.yaml as of"
    assert fees_in_words(found, "USD") == [f"ES: 2.15 USD a contract and side {table} 2010-06-06)."]
    assert margins_in_words(found, "USD") == [
        "ES: margin 12,100 USD to open, 11,000 to hold, 3,025 inside a session "
        f"{table} 2021-02-22).",
        f"ES: margin 11,880 USD to open, 10,800 to hold {table} 2022-01-21).",
    ]


def test_a_run_before_the_table_says_that_it_takes_the_first_entry(
    terms: Callable[..., ContractTerms],
) -> None:
    [line] = margins_in_words(terms("ES", "2013-10-07", "2013-12-20"), "USD")
    assert line.endswith("(configs/markets.yaml as of 2021-02-22, the first there is).")


def test_configured_terms_replace_the_table(terms: Callable[..., ContractTerms]) -> None:
    written = {"ES": {"margin_init": 500, "margin_maint": 400, "fee": 9}}
    found = terms("ES", "2022-01-18", "2022-01-25", contracts=written)
    assert (found.fee(0), found.margin(0).initial) == (9, 500)
    assert fees_in_words(found, "USD") == ["ES: 9 USD a contract and side (`contracts:`)."]


def test_an_unknown_root_is_an_error(terms: Callable[..., ContractTerms]) -> None:
    with pytest.raises(ConfigError, match="no fee and margins for FDAX"):
        terms("FDAX", "2022-01-18", "2022-01-25")


def test_a_day_traders_margin_is_known_for_es_in_2021(terms: Callable[..., ContractTerms]) -> None:
    found = terms("ES", "2021-05-03", "2021-05-04", margin={"basis": "day_trade"})
    assert found.margin(ns("2021-05-03")).day_trade == 3_025


def test_a_day_traders_margin_that_ends_inside_the_run_is_an_error(
    terms: Callable[..., ContractTerms],
) -> None:
    with pytest.raises(ConfigError, match="no day-trade margin of ES from 2022-01-21"):
        terms("ES", "2021-05-03", "2022-05-04", margin={"basis": "day_trade"})


@pytest.mark.parametrize(
    ("root", "points", "contracts"),
    [("MES", "10", 1), ("MES", "2", 5), ("ES", "1", 1), ("ES", "1.25", 0), ("MES", "10.25", 0)],
)
def test_fifty_dollars_are_ten_points_of_one_mes_and_one_of_one_es(
    root: str, points: str, contracts: int
) -> None:
    entry = Decimal("4750")
    signal = Signal(
        instrument_id=root, side=Side.LONG, reason="", entry=entry, stop=entry - Decimal(points)
    )
    contract: Any = SimpleNamespace(multiplier=Quantity.from_int(int(market(root).multiplier)))
    assert DollarRisk().size_order(signal, contract, Rung()).contracts == contracts


def test_a_round_trip_of_one_mes_costs_two_fees_and_two_ticks(trade: Trade) -> None:
    outcome = trade("BuysThenSells", contracts={})
    assert outcome.final_balance - outcome.starting_balance == Decimal("-3.64")


def test_a_run_without_contracts_charges_the_table(trade: Trade, settings: Settings) -> None:
    outcome = trade("BuysThenSells", contracts={})
    assert outcome.fills["commission"].to_list() == [0.57, 0.57]
    assert any("MES: margin 1,188 USD to open" in line for line in outcome.assumptions)


def test_check_says_which_table_and_which_day(settings: Settings) -> None:
    rows = describe(settings(None, contracts={}))
    fee = "MES: 0.57 USD a contract and side (configs/markets.yaml as of 2019-05-06)."
    assert ("assumes", fee) in rows


def test_a_fee_is_that_of_the_day_of_the_order(terms: Callable[..., ContractTerms]) -> None:
    mes = terms("MES", "2026-11-01", "2026-12-01")
    model = fee_model({"MES": mes}, "USD")
    assert isinstance(model, FeeByDate)
    contract, two = SimpleNamespace(underlying="MES"), Quantity.from_int(2)
    charged = [
        model.get_commission(SimpleNamespace(ts_init=ns(day)), two, None, contract)
        for day in ("2026-11-22 22:59:59", "2026-11-22 23:00:00")
    ]
    assert [str(money) for money in charged] == ["1.14 USD", "1.24 USD"]
    assert charged[0].currency == Currency.from_str("USD")


def test_a_fee_of_half_a_cent_is_an_error(settings: Callable[..., Loaded]) -> None:
    contracts = {"MES": {"margin_init": 2_000, "margin_maint": 1_800, "fee": 0.125}}
    with pytest.raises(ConfigError, match="a fee must be in whole cents"):
        run(settings("BuysAtMarket", contracts=contracts))
