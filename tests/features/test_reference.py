"""Each of the 40 families is its slow definition in NumPy, over all windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.features import series
from qe_plugins.features.catalogue import FAMILIES, WINDOWS
from tests.features import reference
from tests.features.tapes import replaced, walk

TOLERANCE = 1e-4
"""Relative difference, or absolute for values below 1: prices are rounded to 5e-9 in logs."""

LOOSER = {
    **dict.fromkeys(["displacement", "vwap_displacement", "hurst"], 1e-3),
    "phase": 1e-2,
    "diffusion_ratio": 1e-2,
    "wavelet_slope": 2e-3,
    "wavelet_entropy": 1e-3,
    "roll_spread": 2e-2,
    "stiffness": 2e-3,
    "half_life": 5e-2,
    "potential": 1e-2,
    "lagrangian": 1e-2,
    "critical_slowing": 2e-3,
    "kyle_lambda": 2e-2,
    "imbalance": 2e-2,
}
"""Levels are rounded to 1.7e-7 in logs, signed volume to an eighth of a contract."""

LEVEL = 1.7e-7
"""The rounding of a level, in logs: a distance in deviations of levels has it over a deviation."""

BARS = 640


@pytest.mark.parametrize("family", [one.name for one in FAMILIES])
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_a_family_is_its_definition(family: str, seed: int, data: st.DataObject):
    bars = walk(BARS, seed, quiet=data.draw(st.sampled_from([0.0, 0.3])))
    found = series.compute(bars, [f"{family}.{w}" for w in WINDOWS])
    t = data.draw(st.integers(BARS - 90, BARS - 1))

    for k, w in enumerate(WINDOWS):
        window = reference.Window(bars, t, w)
        expected = defined(family, window)
        if is_rounding(family, window, expected):
            continue
        assert agrees(found[t, k], expected, tolerance(family, window)), (w, expected)


def defined(family: str, window: reference.Window) -> float:
    with np.errstate(all="ignore"):
        return float(reference.FAMILIES[family](window))


def tolerance(family: str, window: reference.Window) -> float:
    usual = LOOSER.get(family, TOLERANCE)
    if family in ("displacement", "vwap_displacement"):
        return max(usual, 2 * LEVEL / window.spread) if window.spread else usual
    return usual


def is_rounding(family: str, window: reference.Window, expected: float) -> bool:
    """Say whether a value is one of rounding: the angle of nothing, a slope on one volume."""
    if family == "phase":
        return math.hypot(reference.drift(window), reference.displacement(window)) < 0.2
    if family == "kyle_lambda":
        return abs(expected) > 50
    return family == "half_life" and expected > 5


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


def test_a_flat_window_has_no_variance_and_says_nothing_of_it():
    bars = walk(700, seed=1)
    flat = {n: np.full(700, 1_700.0) for n in ("open", "high", "low", "close")}
    found = computed(replaced(bars, **flat))

    nothing = ("temperature", "displacement", "skewness", "kurtosis", "drift", "place", "hurst")
    assert all(math.isnan(found[f"{family}.60"]) for family in nothing)
    assert found["velocity.60"] == 0.0
    assert math.isfinite(found["volume_surge.60"])


def test_a_price_that_is_not_positive_leaves_what_needs_no_price():
    bars = walk(700, seed=1)
    close, low = bars.close.copy(), bars.low.copy()
    close[690] = low[690] = -37.63
    found = computed(replaced(bars, close=close, low=low))

    assert math.isnan(found["velocity.30"])
    assert math.isfinite(found["volume_surge.30"])
    assert math.isfinite(found["velocity.5"])


def test_a_window_without_volume_is_null_where_it_needs_some():
    found = computed(replaced(walk(700, seed=1), volume=np.zeros(700)))

    families = ("kinetic", "momentum", "inertia", "amihud", "kyle_lambda", "volume_surge")
    assert all(math.isnan(found[f"{family}.30"]) for family in families)
    assert math.isfinite(found["velocity.30"])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("volume", 2e7, r"breaks a bound of volume: 16,000,000 contracts a bar")],
)
def test_a_bar_beyond_a_bound_is_named_and_never_wrapped(column: str, value: float, says: str):
    bars = walk(700, seed=1)
    wrong = bars.columns[column].copy()
    wrong[650] = value

    with pytest.raises(FeatureError, match=says):
        computed(replaced(bars, **{column: wrong}))


@pytest.mark.parametrize("order", [[0, 2, 1], [0, 1, 1]])
def test_bars_out_of_order_or_twice_are_an_error(order: list[int]):
    bars = walk(3)
    wrong = type(bars)(bars.bar_type, {n: c[order] for n, c in bars.columns.items()})

    with pytest.raises(FeatureError, match="twice or out of order"):
        series.compute(wrong, ["velocity.5"])


def test_a_wild_tape_never_gives_infinity():
    bars = walk(2_000, seed=4, noise=0.05)

    assert not np.isinf(series.compute(bars, ALL)).any()


ALL = [f"{one.name}.{w}" for one in FAMILIES for w in WINDOWS]


def computed(bars: Bars) -> dict[str, float]:
    """Return the features of the last bar by name."""
    return dict(zip(ALL, series.compute(bars, ALL)[-1].tolist(), strict=True))
