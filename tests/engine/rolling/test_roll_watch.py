"""A session finds the roll points of the whole tape, and knows none of them ahead."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from qe_plugins.config.loader import load
from qe_plugins.data.tape import Tape, open_tape
from qe_plugins.engine.rolling.roll_points import RollPoint, _trading_day, bars_of, roll_points
from qe_plugins.engine.rolling.roll_watch import RollWatch, is_regular
from qe_plugins.market.roll_calendar import Rule

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs/backtest/es_roll_2013.yaml"


def opened(*overrides: str) -> Tape:
    loaded = load(CONFIG, list(overrides))
    return open_tape(loaded.config.data, lambda key: loaded.where("data", key))


def bars_in_order(tape: Tape, root: str) -> pl.DataFrame:
    """Return every bar of a root as a session receives them: by time, then by contract."""
    frames = [
        frame.with_columns(contract=pl.lit(contract)).collect()
        for contract, frame in bars_of(tape, root).items()
    ]
    return pl.concat(frames).sort("ts", "contract")


def watched(tape: Tape, root: str, rule: Rule) -> tuple[str | None, list[RollPoint]]:
    """Return the first front and the roll points that a session finds."""
    expiries = {str(one.id): one.expiration_ns for one in tape.contracts if one.underlying == root}
    watch = RollWatch(root, rule, _trading_day(root, tape.start), expiries)
    first, found = None, []
    for row in bars_in_order(tape, root).iter_rows(named=True):
        point = watch.on_bar(row["contract"], row["ts"], row["close"], int(row["volume"]))
        first = first or watch.front
        if point is not None:
            found.append(point)
    return first, found


@pytest.mark.parametrize("rule", [Rule.VOLUME, Rule.CALENDAR])
def test_on_real_data_the_session_rolls_when_the_backtest_does(shared_data, rule):
    tape = opened(f"data.dbn={shared_data / 'es_2013'}")

    first, found = watched(tape, "ES", rule)

    assert (first, tuple(found)) == roll_points(tape, "ES", rule)
    assert len(found) == 1


@pytest.mark.parametrize("rule", [Rule.VOLUME, Rule.CALENDAR])
def test_over_several_contracts_the_session_rolls_when_the_backtest_does(rule):
    synthetic = "{root: MES, sessions: 85, contracts: 3, start: 2024-02-26}"
    tape = opened("data.dbn=null", f"data.synthetic={synthetic}")

    first, found = watched(tape, "MES", rule)

    assert (first, tuple(found)) == roll_points(tape, "MES", rule)
    assert len(found) == 2


def test_a_session_that_starts_late_with_the_figures_of_the_days_before_agrees():
    synthetic = "{root: MES, sessions: 20, contracts: 2, start: 2024-02-26}"
    tape = opened("data.dbn=null", f"data.synthetic={synthetic}")
    expiries = {str(one.id): one.expiration_ns for one in tape.contracts}
    bars = [
        (row["contract"], row["ts"], row["close"], int(row["volume"]))
        for row in bars_in_order(tape, "MES").iter_rows(named=True)
    ]
    start, half = _trading_day("MES", tape.start), len(bars) // 3
    whole = RollWatch("MES", Rule.VOLUME, start, expiries)
    assert [whole.on_bar(*bar) for bar in bars[:half]] == [None] * half
    late = RollWatch("MES", Rule.VOLUME, start, expiries, whole._figures)

    rest = [(whole.on_bar(*bar), late.on_bar(*bar)) for bar in bars[half:]]

    assert [expected for expected, _ in rest] == [found for _, found in rest]
    assert len([one for one, _ in rest if one is not None]) == 1


def test_regular_hours_are_those_of_chicago_in_winter_and_in_summer():
    winter, summer = 1_704_810_600, 1_720_531_800  # 14:30 UTC in January, 13:30 UTC in July
    for opens in (winter, summer):
        assert not is_regular(opens * 10**9)
        assert is_regular((opens + 60) * 10**9)
