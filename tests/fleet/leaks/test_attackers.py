"""Attackers on today's mask are no better than a guess; the mask of before gave the level away."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import polars as pl
import pytest

from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.features.windows import features_of_windows
from qe_plugins.fleet.leaks.attackers import level_attack, told_apart
from qe_plugins.fleet.prompts.masking import Mask, group_size, hidden_rows
from qe_plugins.fleet.prompts.requests import Renderer
from qe_plugins.fleet.tasks.snapshot import PRICES, MarketSnapshot
from qe_plugins.fleet.tasks.snapshot_loader import market_of
from qe_plugins.fleet.tasks.task_list import WindowTask

TICK, BARS = 0.25, 60


def windows(frame: pl.DataFrame, name: str = "ESZ13.XCME", timeframe: str = "1m"):
    """Return windows one after another, without a common bar."""
    bars = MarketSnapshot(frame).bars(name, timeframe)
    shifts = range(0, len(bars) - BARS, BARS)
    facts = features_of_windows(bars, BARS, shifts)
    return [
        WindowTask(
            id=f"{name} {back}",
            instrument=name,
            detail="1m",
            ends=int(bars.window(BARS, back).ts[-1]),
            facts=each,
            timeframe="1m",
            bars=bars.window(BARS, back),
        )
        for back, each in zip(shifts, facts, strict=True)
    ]


def prompts(tasks: list[WindowTask]) -> list[str]:
    return [Renderer(Mask((task.instrument,))).task(task) for task in tasks]


def prompts_before(tasks: list[WindowTask]) -> list[str]:
    """Return the prompts of the mask of before: prices rebased to 100, on their tick grid."""
    texts = []
    for task in tasks:
        bars, scale = task.bars, 100 / float(task.bars.open[0])
        volumes = bars.volume / bars.volume.mean()
        columns = [getattr(bars, name) * scale for name in PRICES]
        rows = [
            f"{at} " + " ".join(f"{price:.3f}" for price in row[:-1]) + f" {row[-1]:.2f}"
            for at, row in enumerate(zip(*columns, volumes, strict=True), 1 - BARS)
        ]
        facts = [f"{name}: {value:g}" for name, value in task.facts.items()]
        texts.append("\n".join(["Window of instrument A 1m, 60 bars", *rows, *facts]))
    return texts


def at_level(frame: pl.DataFrame, level: float) -> pl.DataFrame:
    """Return the same moves at another price level, on the tick grid there."""
    scale = level / float(frame["open"][0])
    return frame.with_columns(
        ((pl.col(name) * scale / TICK).round() * TICK).alias(name) for name in PRICES
    )


@pytest.fixture(scope="module")
def frame(shared_data) -> pl.DataFrame:
    data = DataSettings(dbn=str(shared_data / "es_2013"), instruments=["ESZ13.XCME"])
    return market_of(data, defaultdict(str)).frame


@pytest.fixture(scope="module")
def tasks(frame):
    return windows(frame)


@pytest.fixture(scope="module")
def elsewhere(frame):
    return windows(at_level(frame, 4_750.0))


def sample(every: list[WindowTask]) -> tuple[list[WindowTask], list[float]]:
    chosen = every[::7]
    return chosen, [float(task.bars.open[0]) for task in chosen]


def interleaved(first: list[str], second: list[str]) -> tuple[list[str], list[str]]:
    """Return the prompts of two classes in the order of time, and the class of each."""
    both = [text for pair in zip(first, second, strict=True) for text in pair]
    return both, ["first", "second"] * len(first)


def test_the_mask_of_before_gave_the_level_of_at_least_85_percent_of_windows(tasks, elsewhere):
    for every in (tasks, elsewhere):
        chosen, levels = sample(every)
        found = level_attack(prompts_before(chosen), levels, TICK)

        assert found.right >= 0.85
        assert not found.held


def test_the_masks_prompts_do_not_give_the_level(tasks, elsewhere):
    chosen, levels = sample(tasks)
    others, more = sample(elsewhere)
    found = level_attack(prompts(chosen + others), levels + more, TICK)

    assert found.held, found
    assert found.right < 0.05


def test_the_mask_of_before_told_the_years_apart_by_their_level(tasks, elsewhere):
    both = interleaved(prompts_before(tasks), prompts_before(elsewhere))

    assert not told_apart("year", *both).held


def test_the_masks_prompts_do_not_tell_the_years_apart(tasks, elsewhere):
    found = told_apart("year", *interleaved(prompts(tasks), prompts(elsewhere)))

    assert found.held, found


def test_the_masks_prompts_do_not_tell_the_season(tasks):
    in_time = tasks[::-1]
    middle = in_time[len(in_time) // 2].ends
    season = ["late" if task.ends > middle else "early" for task in in_time]
    found = told_apart("season", prompts(in_time), season)

    assert found.held, found


def test_the_masks_prompts_do_not_tell_the_instrument():
    made = {}
    for root in ("ES", "ZN"):
        made_up = SyntheticSettings(root=root, sessions=12, contracts=1, seed=5)
        frame = market_of(DataSettings(synthetic=made_up), defaultdict(str)).frame
        [name] = frame["instrument"].unique().to_list()
        made[root] = windows(frame, name)
    count = min(map(len, made.values()))
    both = [prompts(every[:count]) for every in made.values()]
    found = told_apart("instrument", *interleaved(*both))
    before = [prompts_before(every[:count]) for every in made.values()]

    assert found.held, found
    assert not told_apart("instrument", *interleaved(*before)).held


def test_noise_is_the_same_for_the_same_window(tasks):
    for task in tasks[:20]:
        assert np.array_equal(hidden_rows(task.bars), hidden_rows(task.bars))


@pytest.mark.parametrize("count", [10, 13, 20, 25, 50, 60])
def test_a_masked_window_has_at_most_twelve_rows_of_its_own_bars(tasks, count):
    rows = hidden_rows(tasks[0].bars.window(count))

    assert len(rows) == -(-count // group_size(count))
    assert len(rows) <= 12
    assert set(rows[:, 1]) <= {1, 2, 3, 4, 5}
