"""Effective votes and calibration are found again in generated votes whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qe_plugins.recordings.calibration import calibration, probability_up
from qe_plugins.recordings.effective_votes import effective_votes


def errors(correlation: float, count: int = 4_000, workers: int = 20, seed: int = 1) -> np.ndarray:
    """Return errors of a common and an own part, so correlated."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(count, 1)), rng.normal(size=(count, workers))
    return math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_correlation_of_errors_is_measured_within_5_hundredths(correlation, seed):
    found = effective_votes(errors(correlation, seed=seed), 0.44)

    assert found.correlation == pytest.approx(correlation, abs=0.05)
    assert found.measured
    assert found.votes == pytest.approx(20 / (1 + 19 * max(found.correlation, 0)))


def test_wrong_and_right_are_correlated_as_their_binary_errors_are():
    wrong = (errors(0.6) > 0).astype(float)
    exact = 2 / math.pi * math.asin(0.6)

    assert effective_votes(wrong, 0.44).correlation == pytest.approx(exact, abs=0.05)


def test_the_interval_holds_the_truth_in_most_cases():
    found = [effective_votes(errors(0.2, 1_000, seed=seed), 0.44) for seed in range(40)]

    assert sum(one.low <= 0.2 <= one.high for one in found) >= 34


def test_the_assumed_correlation_stays_until_500_outcomes_are_known():
    few = effective_votes(errors(0.0, 499), 0.44)

    assert not few.measured
    assert few.votes == pytest.approx(20 / (1 + 19 * 0.44))


def test_missing_answers_do_not_stop_the_measurement():
    some = errors(0.2)
    some[np.random.default_rng(1).random(some.shape) < 0.05] = np.nan

    assert effective_votes(some, 0.44).correlation == pytest.approx(0.2, abs=0.05)


def test_calibrated_confidences_are_found_so():
    rng = np.random.default_rng(1)
    told = rng.uniform(0.05, 0.95, 20_000)
    found = calibration(told, rng.random(20_000) < told)

    assert all(abs(one.said - one.happened) < 0.03 for one in found.bins)
    assert not found.below_base_rate
    assert found.high < 0


def test_boasting_is_below_the_base_rate():
    rng = np.random.default_rng(1)
    told = rng.choice([0.05, 0.95], 5_000)
    found = calibration(told, rng.random(5_000) < 0.5)

    assert found.below_base_rate
    assert found.low > 0
    assert found.brier > found.base_brier


def test_a_probability_is_that_of_the_side_and_at_least_a_guess():
    assert probability_up(0.5, 0.7) == 0.7
    assert probability_up(-0.5, 0.7) == pytest.approx(0.3)
    assert probability_up(0.5, 0.2) == probability_up(0.0, 0.9) == 0.5
