"""The figures of a run: complete, JSON-safe, and the trader's own arithmetic."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from qe_plugins.report import tearsheet
from qe_plugins.report.figures import metrics
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.report.fake import bare, busy, frame

PROMISED = """
    run_id run_dir engine data_source bars start end orders fills denied trades net_pnl fees
    final_balance sharpe max_drawdown fills_sha256 bars_per_second seconds plugins sortino
    volatility cagr win_rate profit_factor returns
"""


@pytest.fixture
def busy_run(tmp_path):
    return busy(tmp_path, sessions=12, trades=40)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_everything_promised_is_there_and_json_holds_it(tmp_path, busy_run):
    for outcome in (busy_run, bare(tmp_path)):
        figures = summarize(outcome, tmp_path)
        assert figures.keys() >= set(PROMISED.split())
        assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_a_run_without_trades_says_nothing_it_does_not_know(tmp_path):
    figures = summarize(bare(tmp_path), tmp_path)
    unknown = ("sharpe", "sortino", "win_rate", "profit_factor", "slippage", "max_drawdown")
    assert [figures[name] for name in unknown] == [None] * len(unknown)
    assert (figures["trades"], figures["fees"], figures["net_pnl"]) == (0, 0.0, 0.0)


def test_times_are_iso_in_utc_and_bars_are_counted_by_the_second(tmp_path):
    figures = summarize(bare(tmp_path), tmp_path)
    assert figures["start"] == "2024-01-02T23:00:00+00:00"
    assert figures["end"] == "2024-01-03T23:00:00+00:00"
    assert figures["bars_per_second"] == 690.0


def test_each_plugin_is_told_with_its_role_and_its_time(tmp_path, busy_run):
    first = summarize(busy_run, tmp_path)["plugins"][0]
    assert first.keys() == {"name", "role", "asked", "answered", "vetoed", "failed", "seconds"}


def test_the_ratios_are_those_of_the_session_returns(tmp_path, busy_run):
    returns = AccountHistory.of(busy_run).returns
    figures = summarize(busy_run, tmp_path)
    a_year = figures["sessions"] / figures["years"]
    assert figures["sharpe"] == pytest.approx(metrics.sharpe(returns, a_year), rel=1e-4)
    assert figures["total_return"] == pytest.approx(np.prod(1 + returns) - 1)
    assert figures["sessions"] == returns.size == 12


def curve_of(tmp_path, *equity: tuple[str, float], start: str, end: str):
    """Return a run of one contract that is marked so that equity is as given at each moment."""
    first = at(start)
    fill = (first, "MESH24.XCME", "BUY", 1.0, 0.0, 0.0, "USD", "s", *"OTPL", None)
    marks = [(at(when), "MESH24.XCME", (worth - 100_000) / 5) for when, worth in equity]
    run = bare(tmp_path, fills=frame("fills", [fill]), marks=frame("marks", marks))
    data = msgspec.structs.replace(run.data, start=first, end=at(end))
    return dataclasses.replace(run, data=data)


def test_annual_figures_go_by_the_calendar_where_sessions_are_missing(tmp_path):
    """Two sessions half a year apart are half a year, not two 252nds of one."""
    ends = ("2024-01-02T21:00", 100_000.0), ("2024-07-01T20:00", 110_000.0)
    run = curve_of(tmp_path, *ends, start="2024-01-01T23:00", end="2024-07-01T20:00")
    figures = summarize(run, tmp_path)
    assert figures["years"] == pytest.approx(0.498, abs=0.001)
    assert figures["cagr"] == pytest.approx(1.1 ** (1 / figures["years"]) - 1, rel=1e-4)
    returns = AccountHistory.of(run).returns
    sharpe = metrics.sharpe(returns, 2 / figures["years"])
    assert figures["sharpe"] == pytest.approx(sharpe, rel=1e-4)
    assert "2 sessions in 0.50 years" in figures["returns"]


def test_a_week_of_sessions_is_a_week_of_weekdays(tmp_path):
    days = [(f"2024-01-{day:02}T21:00", 100_000.0 + day) for day in range(8, 13)]
    run = curve_of(tmp_path, *days, start="2024-01-07T23:00", end="2024-01-12T21:00")
    assert summarize(run, tmp_path)["years"] == pytest.approx(5 / 260.89, abs=1e-5)


@pytest.mark.parametrize("lowest", [0.0, -1_000.0])
@pytest.mark.parametrize("hour", ["15:00", "21:00"])
def test_a_ruined_account_has_no_ratios_whenever_it_was_worth_nothing(tmp_path, lowest, hour):
    ends = (
        ("2024-01-02T21:00", 100_500.0),
        (f"2024-01-03T{hour}", lowest),
        ("2024-01-03T21:30", 50.0 if hour == "15:00" else lowest),
        ("2024-01-04T21:00", 150_000.0),
    )
    run = curve_of(tmp_path, *ends, start="2024-01-01T23:00", end="2024-01-04T21:00")
    figures = summarize(run, tmp_path)
    ratios = ("sharpe", "sortino", "cagr", "calmar", "volatility")
    assert [figures[name] for name in ratios] == [None] * 5
    assert figures["total_return"] == pytest.approx(0.5)
    assert figures["max_drawdown_hourly"] == pytest.approx(lowest / 100_500 - 1)
    assert figures["returns"].startswith("undefined")
    assert "<html" in tearsheet.render(run, AccountHistory.of(run), figures, {})


def test_an_account_that_begins_with_nothing_has_no_return(tmp_path):
    run = curve_of(
        tmp_path, ("2024-01-02T21:00", 1.0), start="2024-01-01T23:00", end="2024-01-02T21:00"
    )
    run = dataclasses.replace(run, starting_balance=Decimal(0), final_balance=Decimal(0))
    figures = summarize(run, tmp_path)
    assert figures["total_return"] is figures["sharpe"] is None
    assert "<html" in tearsheet.render(run, AccountHistory.of(run), figures, {})


def test_what_an_open_trade_paid_for_its_entry_counts_as_slippage(tmp_path):
    opened = ("P", "MESH24.XCME", "s", "LONG", 2.0, 4700.25, None, at("2024-01-03T15:00"))
    position = (*opened, None, None, 1.0, None, None, 0.25)
    figures = summarize(bare(tmp_path, positions=frame("positions", [position])), tmp_path)
    assert (figures["slippage"], figures["slippage_trades"]) == (2.5, 1)


def test_the_balance_reconciles_with_the_fills(tmp_path, busy_run):
    assert summarize(busy_run, tmp_path)["reconciles"] is True
    wrong = bare(tmp_path, final_balance=Decimal("100000.02"))
    assert summarize(wrong, tmp_path)["reconciles"] is False


def test_an_open_position_leaves_the_balance_unreconciled_and_the_equity_marked(tmp_path):
    fill = (at("2024-01-03T15:00"), "MESH24.XCME", "BUY", 2.0, 4700.0, 1.0, "USD", *"SOTPL")
    outcome = bare(
        tmp_path,
        fills=frame("fills", [fill]),
        marks=frame("marks", [(at("2024-01-03T16:00"), "MESH24.XCME", 4703.0)]),
    )
    figures = summarize(outcome, tmp_path)
    assert (figures["open_contracts"], figures["final_equity"]) == (2.0, 100_029.0)
    assert figures["reconciles"] is None


def test_slippage_is_told_in_ticks_a_trade_and_in_money(tmp_path):
    trade = ("P", "MESH24.XCME", "s", "LONG", 2.0, 4700.0, 4701.0, 0, 60 * 10**9, 8.0, 2.0)
    outcome = bare(tmp_path, positions=frame("positions", [(*trade, 9.0, -1.0, 0.5)]))
    figures = summarize(outcome, tmp_path)
    assert (figures["slippage"], figures["slippage_ticks"]) == (5.0, 2.0)
    unknown = bare(tmp_path, positions=frame("positions", [(*trade, 9.0, -1.0, None)]))
    assert summarize(unknown, tmp_path)["slippage"] is None
