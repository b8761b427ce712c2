"""Heavy families: what is known of processes whose numbers are known, and the invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qe_plugins.errors import FeatureError
from qe_plugins.features.checks.invariances import check_family
from qe_plugins.features.heavy import (
    determinism,
    fluctuation_exponent,
    heavy_families,
    lyapunov,
    recurrence_rate,
    sample_entropy,
    window_family,
)
from tests.features.tapes import replaced, walk

NOISE = np.random.default_rng(3).normal(size=1_000)
WAVE = np.sin(np.arange(400) / 7)


def logistic(count: int) -> np.ndarray:
    """Return the logistic map at 4, whose paths part by ln 2 a step."""
    found = [0.3]
    while len(found) < count:
        found.append(4 * found[-1] * (1 - found[-1]))
    return np.array(found)


def test_fluctuations_of_noise_and_of_its_sum_have_their_exponents():
    assert fluctuation_exponent(NOISE) == pytest.approx(0.5, abs=0.1)
    assert fluctuation_exponent(np.cumsum(NOISE)) == pytest.approx(1.5, abs=0.15)


def test_sample_entropy_is_its_definition():
    values = NOISE[:120]
    tolerance, pairs = 0.2 * values.std(), {2: 0, 3: 0}
    for i in range(118):
        for j in range(118):
            for m in pairs:
                apart = np.abs(values[i : i + m] - values[j : j + m]).max()
                pairs[m] += i != j and apart <= tolerance

    assert sample_entropy(values) == pytest.approx(-math.log(pairs[3] / pairs[2]))
    assert sample_entropy(WAVE) < 0.5 < sample_entropy(NOISE)


def test_a_wave_recurs_in_lines_and_noise_does_not():
    assert recurrence_rate(WAVE) > 2 * recurrence_rate(NOISE)
    assert determinism(WAVE) > 0.8
    assert determinism(NOISE) < 0.5


def test_paths_of_a_chaotic_map_part_and_those_of_a_wave_do_not():
    assert lyapunov(logistic(600)) == pytest.approx(math.log(2), abs=0.2)
    assert abs(lyapunov(WAVE)) < 0.05


def test_heavy_families_keep_the_invariances():
    bars = walk(110, seed=3)
    families = heavy_families(60)

    assert [one.name for one in families] == [
        *("dfa_60", "sample_entropy_60", "recurrence_60", "determinism_60", "lyapunov_60")
    ]
    assert [f for one in families for f in check_family(f"1m.{one.name}", one, bars, 4)] == []


def test_a_window_without_variance_is_null():
    bars = walk(90)
    flat = replaced(bars, close=np.full(90, 1700.0))
    family = window_family("mine", lambda returns: float(returns.std()), 60, "a test")

    assert np.isnan(family.function(flat)).all()
    assert np.isfinite(family.function(bars)[60:]).all()


def test_a_window_too_short_is_one_line():
    with pytest.raises(FeatureError, match="60 or more, was 20"):
        heavy_families(20)
