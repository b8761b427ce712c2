"""The page's samples: benchmark, drawdowns with dates, groups of trades, their order at random."""

from __future__ import annotations

from datetime import date, timedelta

import empyrical
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.report import charts
from qe_plugins.report.figures import benchmark, breakdown, deepest, metrics
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.figures.reordering import drawdown, reordered
from tests.report.fake import bare, busy, contract, frame

DEPTHS = st.lists(st.floats(-0.02, 0.02).map(lambda value: round(value, 4)), max_size=60)


def history(returns: list[float]) -> AccountHistory:
    """Return an account with these session returns."""
    equity = 100_000.0 * np.cumprod(1.0 + np.array(returns, dtype=float))
    days = [date(2024, 1, 2) + timedelta(days=number) for number in range(len(returns))]
    high = np.maximum.accumulate(np.concatenate(([100_000.0], equity)))[1:]
    sessions = pl.DataFrame(
        {
            "session": pl.Series(days, dtype=pl.Date),
            "return": pl.Series(returns, dtype=pl.Float64),
            "drawdown": equity / high - 1.0,
        }
    )
    curve = pl.DataFrame({"equity": equity, "contracts": np.zeros(len(returns))})
    return AccountHistory(100_000.0, curve, sessions)


@given(returns=DEPTHS)
def test_the_deepest_drawdown_is_the_maximum_and_none_overlap(returns):
    account = history(returns)
    found = deepest.drawdowns(account, most=1_000)
    assert min((one.depth for one in found), default=0.0) == min(account.depths, default=0.0)
    assert sum(one.sessions for one in found) == int((account.depths < 0.0).sum())
    assert [one.depth for one in found] == sorted(one.depth for one in found)


def test_a_drawdown_has_its_dates():
    (one,) = deepest.drawdowns(history([0.01, -0.02, -0.01, 0.05]))
    assert (one.high, one.lowest) == (date(2024, 1, 2), date(2024, 1, 4))
    assert (one.recovered, one.sessions) == (date(2024, 1, 5), 2)


def test_a_drawdown_from_the_start_that_lasts_has_neither_high_nor_recovery():
    (one,) = deepest.drawdowns(history([-0.02, 0.001]))
    assert one.high is one.recovered is None


def ns(day: int, hour: int) -> int:
    return int(np.datetime64(f"2024-03-{day:02d}T{hour:02d}:00", "ns").astype(np.int64))


def test_the_benchmark_is_held_through_a_roll_without_its_spread(tmp_path):
    marks = frame(
        "marks",
        [
            (ns(day, 20), name, price)
            for day, front, following in (
                (12, 5_000.0, 5_050.0), (13, 5_100.0, 5_150.0), (14, 5_100.0, 5_150.0),
                (15, 5_100.0, 5_201.5),
            )
            for name, price in (("MESH24.XCME", front), ("MESM24.XCME", following))
        ],
    )  # fmt: skip
    one = bare(tmp_path)
    data = type(one.data)(
        source="catalog", label="", start=one.data.start, end=one.data.end, bars=0,
        contracts=[contract("MESH24.XCME"), contract("MESM24.XCME")],
    )  # fmt: skip
    found = benchmark.returns(bare(tmp_path, marks=marks, data=data))
    assert found["session"].to_list() == [date(2024, 3, day) for day in (13, 14, 15)]
    assert found["benchmark"].to_list() == pytest.approx([0.02, 0.0, 0.01])


def test_a_run_without_prices_has_no_benchmark(tmp_path):
    run = bare(tmp_path)
    found = benchmark.figures(run, AccountHistory.of(run), 252)
    assert set(found.values()) == {None}
    assert benchmark.curve(run, AccountHistory.of(run)) == {"x": [], "equity": []}


def test_every_group_has_the_same_trades_and_exits_have_the_kind_of_their_order(tmp_path):
    run = busy(tmp_path, sessions=6, trades=40)
    net = metrics.closed(run.positions)["pnl"].sum()
    for table in breakdown.tables(run):
        assert sum(row["trades"] for row in table["rows"]) == 40
        assert sum(row["net_pnl"] for row in table["rows"]) == pytest.approx(net)


def test_a_trade_is_grouped_by_the_order_that_closed_it_and_not_by_a_positions_name(tmp_path):
    name, netting = "MESH24.XCME", "MESH24.XCME-s"
    moments = [ns(12, hour) for hour in (14, 15, 16, 17)]
    orders = [
        (ts, f"O-{number}", "s", name, side, kind, 1.0, None, None, "FILLED")
        for number, (ts, side, kind) in enumerate(
            zip(moments, ("BUY", "SELL") * 2, ("MARKET", "LIMIT", "MARKET", "STOP_MARKET"),
                strict=True)
        )
    ]  # fmt: skip
    fills = [
        (row[0], name, row[4], 1.0, 4700.0, 0.5, "USD", "s", row[1], "T", netting, "TAKER")
        for row in orders
    ]
    positions = [
        (f"{netting}-{n}", name, "s", "LONG", 1.0, 4700.0, 4700.0, opened, closed, -1.0, 1.0)
        for n, (opened, closed) in enumerate((moments[:2], moments[2:]), 1)
    ]
    run = bare(
        tmp_path, orders=frame("orders", orders), fills=frame("fills", fills),
        positions=frame("positions", positions),
    )  # fmt: skip
    assert breakdown.labelled(run)["exit_type"].to_list() == ["limit", "stop"]


@given(pnl=st.lists(st.integers(-500, 500), min_size=20, max_size=60), seed=st.integers(0, 9))
def test_random_orders_end_where_the_run_ended(pnl, seed):
    found = reordered(np.array(pnl, dtype=float), orders=20, seed=seed)
    assert found is not None
    assert found.low[-1] == found.middle[-1] == found.high[-1] == sum(pnl)
    assert found.as_it_was[-1] == sum(pnl)
    assert found.median <= found.worse_in_20 <= found.worse_in_100


def test_few_trades_are_not_reordered():
    assert reordered(np.ones(19)) is None


@given(path=st.lists(st.integers(-100, 100), min_size=1, max_size=40))
def test_a_drawdown_is_the_largest_fall_from_a_high_so_far(path):
    high = worst = 0
    for value in path:
        high = max(high, value)
        worst = max(worst, high - value)
    assert drawdown(np.array(path, dtype=float)) == worst


def test_rolling_figures_begin_when_the_window_is_full():
    rng = np.random.default_rng(3)
    returns = rng.normal(0.0005, 0.01, 80)
    found = charts.rolling(history(returns.tolist()))
    assert len(found["sharpe"]) == 80 - charts.WINDOW + 1
    assert found["sharpe"][0] == pytest.approx(metrics.sharpe(returns[: charts.WINDOW]), abs=1e-3)
    assert charts.rolling(history(returns[:63].tolist()))["day"] == []


@given(returns=st.lists(st.floats(-0.05, 0.05).map(lambda v: round(v, 4)), min_size=2, max_size=80))
def test_each_session_is_in_one_bin(returns):
    found = charts.distribution(history(returns))
    assert sum(found["sessions"]) == (len(returns) if len(set(returns)) > 1 else 0)


def test_the_rolling_sharpe_is_empyricals():
    returns = np.random.default_rng(5).normal(0.0005, 0.01, 120)
    theirs = empyrical.roll_sharpe_ratio(pd.Series(returns), window=charts.WINDOW)
    assert charts.rolling(history(returns.tolist()))["sharpe"] == pytest.approx(theirs, abs=6e-4)
