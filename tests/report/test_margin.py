"""Margin against equity: the most, the average over time, and while a trade was open."""

from __future__ import annotations

import polars as pl
import pytest

from qe_plugins.report.figures import costs, margin
from qe_plugins.report.figures.equity import AccountHistory
from tests.report.fake import bare, contract, frame

HOUR = 3_600 * 10**9
NAME = contract().id


def run(tmp_path, *account: tuple[int, float | None]):
    """Return a run of two flat-priced hours whose account held margin as given, by hour."""
    rows = [(hour * HOUR, 100_000.0, locked, "USD") for hour, locked in account]
    marks = [(hour * HOUR, NAME, 0.0) for hour in range(1, 5)]
    fill = (HOUR, NAME, "BUY", 1.0, 0.0, 0.0, "USD", *"SOTPL")
    return bare(
        tmp_path,
        account=frame("account", rows),
        marks=frame("marks", marks),
        fills=frame("fills", [fill]),
    )


def figures(outcome) -> dict[str, float | None]:
    return margin.figures(margin.against(AccountHistory.of(outcome).curve, outcome.account))


def test_the_average_is_over_time_and_the_peak_over_all_moments(tmp_path):
    found = figures(run(tmp_path, (1, 30_000.0), (2, 0.0)))
    assert (found["margin_peak"], found["margin_average"]) == (30_000.0, pytest.approx(10_000.0))
    assert (found["margin_peak_share"], found["margin_average_share"]) == (
        pytest.approx(0.3),
        pytest.approx(0.1),
    )


@pytest.mark.parametrize("account", [(), ((1, None),)])
def test_without_the_figure_margin_is_unknown(tmp_path, account):
    assert set(figures(run(tmp_path, *account)).values()) == {None}


def test_an_account_that_held_nothing_says_zero(tmp_path):
    assert figures(run(tmp_path, (1, 0.0)))["margin_peak"] == 0.0


def test_the_last_of_several_rows_of_one_moment_counts(tmp_path):
    assert figures(run(tmp_path, (1, 90_000.0), (1, 30_000.0)))["margin_peak"] == 30_000.0


def test_a_trade_ties_up_the_most_until_it_is_closed(tmp_path):
    account = run(tmp_path, (1, 10.0), (2, 20.0), (3, 99.0)).account
    trade = ("P", NAME, "s", "LONG", 1.0, 1.0, 2.0)
    rows = [(*trade, HOUR, 3 * HOUR), (*trade, 2 * HOUR, None), (*trade, 2 * HOUR, 2 * HOUR)]
    trades = costs.of_trades(frame("positions", rows), [contract()])
    assert margin.of_trades(trades, account).to_list() == [20.0, 99.0, None]
    assert (
        margin.of_trades(trades, account.with_columns(locked=pl.lit(None))).to_list() == [None] * 3
    )
