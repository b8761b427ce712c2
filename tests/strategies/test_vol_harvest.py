"""The overlay in configured backtests on made chains: it loses no more than it says."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import LadderError
from qe_plugins.options.overlay.selection import SelectionRules
from qe_plugins.plugins.types import Rung
from strategies.vol_harvest import VolHarvest, VolHarvestConfig
from tests.command import ROOT
from tests.options.made_chain import made_options, store_made_chain

MONDAY = datetime(2025, 12, 29, 15)
FRIDAY = datetime(2026, 1, 9, 20, 30)
CALM = [(7_000.0, 0.18)] * 3
SETTINGS = {
    "root": "ES",
    "select": "{days: [5, 14], delta: [0.1, 0.2], width: 25, least_credit: 5%}",
    "exit": "{days: 1}",
    "forecast": "10%",
}

started: list[VolHarvest] = []


class Watched(VolHarvest):
    """The strategy, and what its book looked like after each fill."""

    def __init__(self, config: VolHarvestConfig) -> None:
        super().__init__(config)
        self.books = []
        started.append(self)

    def on_order_filled(self, event):
        plan = self.plan
        super().on_order_filled(event)
        self.books.append((self.book, plan))


def path(*steps, start=MONDAY, every=timedelta(minutes=30)):
    """Return moments of a path of prices and volatilities."""
    return [(start + i * every, price, vol) for i, (price, vol) in enumerate(steps)]


def harvest(tmp_path, moments, *expiries, rung="options", risk="2_500", **changed):
    """Run the strategy over a path; return it and the result of the run."""
    store_made_chain(moments, *expiries)
    settings = ", ".join(f"{name}: {value}" for name, value in (SETTINGS | changed).items())
    file = tmp_path / "harvest.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: harvest\n"
        "data: {options: {root: ES}}\n"
        f"rung: {{name: {rung}, risk: {risk} USD, max_contracts: 4}}\n"
        "expiry: {flat_before: 0s}\n"
        "strategies:\n"
        f"  harvest: {{path: '{__name__}:Watched', config: {{{settings}}}}}\n"
        "plugins:\n"
        "  guardian_greeks: {deviations: 0.5}\n"
        "risk: {veto_timeout: 60s}\n"  # a busy machine is no veto
    )
    outcome = run(load(file))
    return started.pop(), outcome


def sides(outcome):
    return outcome.fills["side"].to_list()


def test_long_options_are_bought_first_and_the_profit_is_taken_short_options_first(tmp_path):
    strategy, outcome = harvest(tmp_path, path(*CALM, (7_000.0, 0.10), (7_000.0, 0.10)))
    [(most, profit)] = strategy.stated

    assert sides(outcome) == ["BUY", "BUY", "SELL", "SELL", "BUY", "BUY", "SELL", "SELL"]
    assert 0 < profit < most <= 2_500
    assert outcome.final_balance == 100_000 + profit
    assert all(book.is_bounded for book, _ in strategy.books)


@pytest.mark.parametrize(("price", "vol"), [(6_400.0, 0.9), (7_600.0, 0.9)])
def test_a_jump_and_its_reversal_lose_no_more_than_stated(tmp_path, price, vol):
    jump = [(price, vol), (price, vol), (7_000.0, vol), (14_000.0 - price, vol)]
    strategy, outcome = harvest(tmp_path, path(*CALM, *jump))

    assert len(outcome.fills) >= 4
    for book, plan in strategy.books:
        assert book.loses_at_most(plan.most_loss)
    assert all(-profit <= most <= 2_500 for most, profit in strategy.stated)


def test_a_spread_that_is_too_dear_to_buy_back_ends_at_its_width(tmp_path):
    crash = path(*[(6_400.0, 0.9)] * 2, start=MONDAY + timedelta(hours=3))
    last = path(*[(6_400.0, 0.9)] * 4, start=FRIDAY)
    strategy, outcome = harvest(tmp_path, [*path(*CALM), *crash, *last])
    [(most, profit)] = strategy.stated

    assert -most <= profit < -500
    assert outcome.final_balance == 100_000 + profit
    assert not strategy.book.held


def test_a_position_on_a_later_future_is_watched_after_the_last_bar_of_the_first(tmp_path):
    early = made_options("EW2H26", date(2026, 3, 13))
    late = made_options("EW4H26", date(2026, 3, 27))
    minutes = timedelta(minutes=2)
    moments = [
        *path(*CALM, *CALM, start=datetime(2026, 3, 9, 15), every=minutes),
        *path(*[(7_000.0, 0.10)] * 3, start=datetime(2026, 3, 16, 15), every=minutes),
    ]
    assert next(iter(early.values())).underlying != next(iter(late.values())).underlying

    select = SETTINGS["select"].replace("[5, 14]", "[15, 20]")
    strategy, outcome = harvest(tmp_path, moments, early, late, select=select, every="1m")
    [(most, profit)] = strategy.stated

    assert 0 < profit < most <= 2_500
    assert outcome.final_balance == 100_000 + profit


@pytest.mark.parametrize(
    "changed",
    [
        {"forecast": "17%"},
        {"entry": "{events: [2025-12-30T12:00:00Z]}"},
    ],
)
def test_without_premium_or_near_an_event_nothing_is_sold(tmp_path, changed):
    strategy, outcome = harvest(tmp_path, path(*CALM), **changed)

    assert (strategy.phase, len(outcome.fills)) == ("flat", 0)


@pytest.mark.parametrize("rung", ["backtest", "1 MES", "5 MES", "1 ES", "5 ES"])
def test_a_rung_other_than_options_is_refused_before_anything_runs(tmp_path, rung):
    with pytest.raises(LadderError, match=f"'options' alone; this run has rung {rung}"):
        harvest(tmp_path, path(*CALM), rung=rung)


def test_the_rung_of_options_is_enough():
    VolHarvest.check_rung(VolHarvestConfig(root="ES"), Rung(name="options", risk=Decimal(2_500)))


def test_a_risk_above_the_rungs_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(LadderError, match="'risk' is 2,500 USD, and rung options allows 2,000"):
        harvest(tmp_path, path(*CALM), risk="2_000")


def test_days_that_would_close_what_is_opened_are_refused():
    with pytest.raises(ValueError, match=r"select\.days must begin above exit\.days"):
        VolHarvestConfig(root="ES", select=SelectionRules(days=(10, 45)))
    with pytest.raises(ValueError, match="risk must be positive"):
        VolHarvestConfig(root="ES", risk=Decimal(0))
