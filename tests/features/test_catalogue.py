"""The catalogue: 1,291 features, each said once, and the page that is written from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import (
    ACROSS,
    EQUATION,
    FAMILIES,
    TIMEFRAMES,
    USES,
    WINDOWS,
    catalogue,
    entry_of,
)
from qe_plugins.features.kernel import loop
from qe_plugins.features.page import page
from qe_plugins.features.series import KEPT, Program

ROOT = Path(__file__).resolve().parents[2]


def test_the_equation_is_true():
    count = len(FAMILIES) * len(WINDOWS) * len(TIMEFRAMES) + len(ACROSS)

    assert count == len(catalogue()) == 1_291
    assert EQUATION.endswith(f"= {count:,}")


def test_every_feature_says_what_it_is():
    for entry in catalogue().values():
        assert all([entry.name, entry.meaning, entry.unit, entry.source])
        assert entry.low < entry.high
        assert 1 <= entry.lookback < KEPT


def test_families_are_in_the_order_of_the_kernel():
    groups = [one.group for one in FAMILIES]
    names = ["motion", "energy", "memory", "disorder", "friction"]

    for name, (first, last) in zip(names, loop.GROUPS, strict=True):
        assert set(groups[first:last]) == {name}
    assert max(WINDOWS) + max(one.extra for one in FAMILIES) < loop.LONGEST_LOOKBACK < KEPT
    assert {FAMILIES[n].name for n in loop.VOLUME_ONLY} == {"volume_surge", "volume_dispersion"}


def test_a_program_sums_bar_by_bar_only_for_what_needs_it():
    assert Program(["velocity.480"]).passes.tolist() == [0] * 8
    assert Program(["place.20"]).passes.tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert Program(["skewness.5", "place.10"]).passes.tolist() == [3, 1, 0, 0, 0, 0, 0, 0]


def test_what_a_feature_across_timeframes_uses_is_in_the_catalogue():
    for name, parts in USES.items():
        assert entry_of(f"across.{name}").lookback == max(entry_of(p).lookback for p in parts)


def test_fifteen_minutes_stand_for_any_timeframe():
    assert entry_of("15m.velocity.30").lookback == 31


def test_an_unknown_name_has_a_suggestion():
    with pytest.raises(FeatureError, match=r"Did you mean '1h\.temperature\.60'"):
        entry_of("1h.temprature.60")


def test_the_page_is_that_of_the_catalogue():
    assert (ROOT / "configs" / "FEATURES.md").read_text(encoding="utf-8") == page()
