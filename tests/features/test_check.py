"""`qe features check`: our features break none of the invariances, and planted faults are found."""

from __future__ import annotations

import numpy as np
import pytest

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import FAMILIES, catalogue
from qe_plugins.features.checks.invariances import check, check_family
from qe_plugins.features.feed import ListedContract
from qe_plugins.features.tape import CheckTape
from qe_plugins.plugins.types import Family
from tests.features.tapes import walk

NEAR = ListedContract("ESZ3.XCME", "ES", 1_387_549_800_000_000_000)
FAR = ListedContract("ESH4.XCME", "ES", 1_395_408_600_000_000_000)


def tape(count: int) -> CheckTape:
    bars = {"ESZ3.XCME": walk(count, seed=1), "ESH4.XCME": walk(count - 50, seed=2)}
    return CheckTape(bars, [NEAR, FAR])


def own(function, lookback: int = 20) -> Family:
    return Family(name="mine", function=function, lookback=lookback, meaning="a test")


def mean_of_20(bars: Bars) -> np.ndarray:
    found = np.full(len(bars), np.nan)
    if len(bars) >= 20:
        windows = np.lib.stride_tricks.sliding_window_view(bars.close, 20)
        found[19:] = windows.mean(axis=1)
    return found


def kinds(function, lookback: int = 20) -> list[str]:
    bars = walk(800, seed=3)
    return [one.invariance for one in check_family("1m.mine", own(function, lookback), bars)]


def test_every_family_keeps_the_invariances():
    names = [f"1m.{one.name}.{w}" for one in FAMILIES for w in (5, 120)]

    assert check([*names, "5m.drift.10", "across.session_clock"], tape(900), streamed=20) == []


@pytest.mark.long
def test_all_features_keep_the_invariances():
    assert check(catalogue(), tape(30_000), streamed=60) == []


def test_an_honest_family_is_let_be():
    assert kinds(mean_of_20) == []


def test_a_look_ahead_of_one_bar_is_found():
    assert "prefix" in kinds(lambda bars: np.append(bars.close[1:], bars.close[-1]))


def test_a_score_over_the_whole_sample_is_found():
    def score(bars: Bars) -> np.ndarray:
        return (bars.close - bars.close.mean()) / max(bars.close.std(), 1e-9)

    assert set(kinds(score)) == {"prefix", "start", "poison"}


def test_a_number_that_counts_bars_is_found():
    assert kinds(lambda bars: np.arange(len(bars)) * 1.0) == ["start"]


def test_a_running_sum_is_found_to_depend_on_the_start():
    assert kinds(lambda bars: np.cumsum(np.sign(np.diff(bars.close, prepend=0.0)))) == ["start"]


def test_a_cache_that_knows_the_future_is_found():
    seen: list[np.ndarray] = []

    def cached(bars: Bars) -> np.ndarray:
        seen.append(bars.close)
        longest = max(seen, key=len)
        return np.full(len(bars), longest[-1])

    assert "prefix" in kinds(cached)


def test_a_family_that_raises_is_named_with_the_bar():
    def wrong(bars: Bars) -> np.ndarray:
        raise ValueError("no such column")

    with pytest.raises(FeatureError, match=r"feature 1m\.mine at 2013.*no such column"):
        kinds(wrong)


def test_a_family_of_another_length_is_named():
    with pytest.raises(FeatureError, match="one number a bar"):
        kinds(lambda bars: bars.close[:3])


def test_a_family_is_checked_in_longer_timeframes_too():
    families = {"mine": own(lambda bars: np.append(bars.close[1:], bars.close[-1]))}

    findings = check(["5m.mine"], tape(900), families)

    assert {one.feature for one in findings} == {"5m.mine"}
    assert "prefix" in {one.invariance for one in findings}
