"""Each of the 40 families is its slow definition in NumPy, over all windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.features import series
from qe_plugins.features.catalogue import FAMILIES, WINDOWS
from tests.features import reference
from tests.features.tapes import walk

TOLERANCE = 1e-4
"""Relative difference, or absolute for values below 1: prices are rounded to 5e-9 in logs."""

LOOSER = {
    **dict.fromkeys(
        ["displacement", "phase", "vwap_displacement", "diffusion_ratio", "hurst"], 1e-3
    ),
    "wavelet_slope": 1e-3,
    "wavelet_entropy": 1e-3,
    "stiffness": 2e-3,
    "half_life": 5e-3,
    "potential": 2e-3,
    "lagrangian": 2e-3,
    "critical_slowing": 2e-3,
    "kyle_lambda": 2e-2,
    "imbalance": 2e-2,
}
"""Levels are rounded to 1.7e-7 in logs, signed volume to an eighth of a contract."""

BARS = 640


@pytest.mark.parametrize("family", [one.name for one in FAMILIES])
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_a_family_is_its_definition(family: str, seed: int, data: st.DataObject):
    bars = walk(BARS, seed, quiet=data.draw(st.sampled_from([0.0, 0.3])))
    found = series.compute(bars, [f"{family}.{w}" for w in WINDOWS])
    t = data.draw(st.integers(BARS - 90, BARS - 1))

    for k, w in enumerate(WINDOWS):
        expected = defined(family, reference.Window(bars, t, w))
        assert agrees(found[t, k], expected, LOOSER.get(family, TOLERANCE)), (w, expected)


def defined(family: str, window: reference.Window) -> float:
    with np.errstate(all="ignore"):
        return float(reference.FAMILIES[family](window))


def agrees(found: float, expected: float, tolerance: float) -> bool:
    if not math.isfinite(expected):
        return math.isnan(found)
    return abs(found - expected) <= tolerance * max(1.0, abs(expected))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_a_family_stays_in_its_range_and_is_known_from_its_lookback_on(family):
    bars = walk(1_200, seed=5, quiet=0.0)
    found = series.compute(bars, [f"{family.name}.{w}" for w in WINDOWS])
    known = np.isfinite(found)

    assert np.nanmin(found) >= family.low - 1e-9
    assert np.nanmax(found) <= family.high + 1e-9
    for k, w in enumerate(WINDOWS):
        assert not known[: w + family.extra - 1, k].any()
        assert known[w + family.extra - 1 :, k].mean() > 0.4


def test_all_families_have_a_definition():
    assert list(reference.FAMILIES) == [one.name for one in FAMILIES]
