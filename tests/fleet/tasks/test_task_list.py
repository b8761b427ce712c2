"""Tasks: derived from the market alone, complete, and nothing in them from later."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import DataError, FleetError
from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.prompts.requests import RequestBuilder, refuse_short_lists
from qe_plugins.fleet.settings import Backtests, Options, Tasks, Windows
from qe_plugins.fleet.tasks.snapshot import (
    MINUTE,
    CrossBacktests,
    MarketSnapshot,
    SnapshotBars,
    black_76,
)
from qe_plugins.fleet.tasks.snapshot_loader import open_market
from qe_plugins.fleet.tasks.task_list import TaskList
from tests.fleet.conftest import CONFIGS, START, market

ALL = Tasks(
    windows=Windows(timeframes=["1m", "15m"], bars=[20, 30], back=3),
    options=Options(moneyness=[0.98, 1.02], days=[7], rights=["call", "put"], lookbacks=[390]),
    backtests=Backtests(timeframes=["5m"], fast=[5, 9], slow=[8, 30], bars=[300]),
)


def window_features(bars: SnapshotBars) -> dict[str, float]:
    return features_of_windows(bars, len(bars), [0])[0]


def test_a_list_is_drawn_in_the_order_of_the_file():
    tasks = TaskList(ALL, market())
    ids = [tasks[n].id for n in range(len(tasks))]

    assert len(ids) == len(set(ids)) == 12 + 4 + 3
    assert ids[0] == "window MESH24.XCME 1m 20 bars, 0 back"
    assert ids[12] == "option MESH24.XCME call 0.98 7d, over 390m"
    assert ids[-1] == "backtest MESH24.XCME 5m 9/30 over 300"


def test_every_window_is_whole_and_ends_when_it_says():
    known = market()
    tasks = TaskList(ALL, known)
    for task in (tasks[n] for n in range(12)):
        assert len(task.bars) in (20, 30)
        assert task.ends == task.bars.ts[-1] <= known.as_of


def test_a_market_too_short_for_a_window_has_no_such_task():
    assert len(TaskList(Tasks(windows=Windows(timeframes=["1h"], bars=[60])), market())) == 0


@settings(max_examples=20)
@given(cut=st.integers(200, 2_000), minutes=st.sampled_from([1, 5, 15, 60]))
def test_bars_known_at_a_moment_are_the_same_when_more_is_known(cut: int, minutes: int):
    whole = market()
    early = MarketSnapshot(whole.frame.head(cut))
    frame = {1: "1m", 5: "5m", 15: "15m", 60: "1h"}[minutes]
    known, later = early.bars("MESH24.XCME", frame), whole.bars("MESH24.XCME", frame)

    assert known.ts.tolist() == later.ts[: len(known)].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(known, name).tolist() == getattr(later, name)[: len(known)].tolist()


def test_a_bar_that_is_not_over_is_left_out():
    frame = market().frame.filter(pl.col("ts") <= START + 62 * MINUTE)
    ends = MarketSnapshot(frame).bars("MESH24.XCME", "15m").ts

    assert ends[-1] <= START + 62 * MINUTE
    assert all(end % (15 * MINUTE) == 0 for end in ends.tolist())


def test_features_say_which_way_a_straight_line_goes():
    rising = market(minutes=60)
    up = rising.frame.with_columns(close=pl.Series(np.linspace(100, 110, 60)))
    facts = window_features(MarketSnapshot(up).bars("MESH24.XCME", "1m"))

    assert facts["trend_t"] > 50
    assert facts["momentum"] > 5


@settings(max_examples=20)
@given(count=st.integers(10, 60), shifts=st.lists(st.integers(0, 200), min_size=1, max_size=9))
def test_windows_have_the_same_features_together_and_one_by_one(count: int, shifts: list[int]):
    bars = market(minutes=300).bars("MESH24.XCME", "1m")

    together = features_of_windows(bars, count, shifts)
    assert together == [window_features(bars.window(count, back)) for back in shifts]


def test_a_drawn_window_has_the_features_of_its_own_bars():
    tasks = TaskList(ALL, market())

    for task in (tasks[n] for n in range(12)):
        assert task.facts == window_features(task.bars)


def test_a_window_has_the_features_that_the_file_names():
    wanted = Windows(
        timeframes=["30m"], bars=[10], back=2, features=["temperature.10", "place.5", "hurst.480"]
    )
    state = market(minutes=1_200)
    last, before = list(TaskList(Tasks(windows=wanted), state))[:2]
    bars = state.bars("MESH24.XCME", "30m")
    moves = 1e4 * np.diff(np.log(bars.close[-11:]))
    low, high = bars.low[-5:].min(), bars.high[-5:].max()

    assert set(last.facts) - set(window_features(last.bars)) == {"temperature.10_bps", "place.5"}
    assert last.facts["temperature.10_bps"] == pytest.approx(math.log(moves.var()), abs=1e-3)
    assert last.facts["place.5"] == pytest.approx((bars.close[-1] - low) / (high - low), abs=1e-3)
    assert before.facts["temperature.10_bps"] != last.facts["temperature.10_bps"]


def test_a_feature_that_does_not_exist_is_an_error_with_a_suggestion():
    with pytest.raises(
        ValueError, match=r"no feature 'temprature\.10'\. Did you mean 'temperature"
    ):
        Windows(timeframes=["1m"], bars=[20], features=["temprature.10"])


def test_features_are_what_their_names_say():
    bars = market(minutes=60).bars("MESH24.XCME", "1m").window(20)
    logs = np.log(bars.close)
    moves = np.diff(logs)
    facts = window_features(bars)

    assert facts["move_bps"] == pytest.approx(1e4 * (logs[-1] - math.log(bars.open[0])), abs=0.05)
    assert facts["deviation_bps"] == pytest.approx(1e4 * moves.std(), abs=0.05)
    assert facts["volume_ratio"] == pytest.approx(
        bars.volume[-4:].mean() / bars.volume.mean(), abs=0.005
    )
    line = np.polyfit(np.arange(20), logs, 1)
    rest = logs - np.polyval(line, np.arange(20))
    error = math.sqrt((rest**2).sum() / 18 / ((np.arange(20) - 9.5) ** 2).sum())
    assert facts["trend_t"] == pytest.approx(line[0] / error, abs=0.05)


def test_a_window_without_movement_or_volume_has_finite_features():
    flat = market(minutes=60).frame.with_columns(
        **{name: pl.lit(100.0) for name in ("open", "high", "low", "close")}, volume=pl.lit(0.0)
    )

    assert all(
        map(math.isfinite, window_features(MarketSnapshot(flat).bars("MESH24.XCME", "1m")).values())
    )


@settings(max_examples=30)
@given(strike=st.floats(80, 120), days=st.integers(1, 90), volatility=st.floats(0.05, 0.8))
def test_put_and_call_are_in_parity(strike: float, days: int, volatility: float):
    call, put = (black_76(right, strike, days / 365, volatility) for right in ("call", "put"))

    assert call["value"] - put["value"] == pytest.approx(100 - strike, abs=1e-9)
    assert call["delta"] - put["delta"] == pytest.approx(1)
    assert call["gamma"] == put["gamma"]


def test_an_option_at_the_money_costs_what_the_textbook_says():
    # 0.4 F sigma sqrt(T), the usual approximation, within a percent
    assert black_76("call", 100, 0.25, 0.2)["value"] == pytest.approx(0.39894 * 20 * 0.5, rel=0.01)


def test_a_cross_that_is_always_right_earns_the_move_less_one_entry():
    closes = np.exp(np.linspace(0, 0.1, 101))
    result = CrossBacktests(closes).backtest(2, 5, 0.001)
    held = 100 - 4  # bars after the slow average is known

    assert result["trades"] == 1
    assert result["net_bps"] == pytest.approx(held * 10 - 10, abs=0.2)


def test_a_cross_is_decided_before_the_bar_that_it_earns():
    closes = np.full(50, 100.0)
    closes[-1] = 200.0  # known only at the end: nobody held it

    assert CrossBacktests(closes).backtest(2, 5, 0.0)["net_bps"] == 0


def test_a_list_shorter_than_its_workers_is_refused_at_its_line(small):
    loaded = small()
    few = RequestBuilder(loaded.fleet, market(minutes=26))

    with pytest.raises(FleetError, match=r"fleet\.yaml:\d+: the list has 2 tasks for 12 workers"):
        refuse_short_lists(loaded, few)


def test_the_market_of_the_team_is_the_same_twice_and_kept(tmp_path):
    loaded = load(CONFIGS / "team.yaml")
    first, second = open_market(loaded), open_market(loaded)
    first.save(tmp_path)

    assert first.frame.equals(second.frame)
    assert MarketSnapshot.load(tmp_path).frame.equals(first.frame)
    assert first.frame["close"].is_between(3_000, 8_000).all()


def test_longer_bars_in_the_data_are_refused(small):
    loaded = small(data={"synthetic": {"sessions": 3}, "bars": "1-HOUR-LAST"})

    with pytest.raises(DataError, match="one-minute bars, was '1-HOUR-LAST'"):
        open_market(loaded)
