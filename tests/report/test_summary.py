"""The figures of a run: complete, JSON-safe, and the trader's own arithmetic."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from qe_plugins.report import metrics
from qe_plugins.report.ledger import Ledger
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
    returns = Ledger.of(busy_run).returns
    figures = summarize(busy_run, tmp_path)
    assert figures["sharpe"] == metrics.sharpe(returns)
    assert figures["total_return"] == pytest.approx(np.prod(1 + returns) - 1)
    assert figures["sessions"] == returns.size == 12


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
