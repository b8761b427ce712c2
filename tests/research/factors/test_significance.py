"""Significance over session scores: noise, planted factors, known examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import DataError
from qe_plugins.research.factors.significance import (
    LEAST_SESSIONS,
    examine,
    held_twice,
    step_up,
    t_values,
)
from qe_plugins.research.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    probabilistic_sharpe,
    probability_of_overfitting,
)

FACTORS = 1_291


def noise(seed: int, sessions: int = 300, factors: int = FACTORS) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(sessions, factors)), random.normal(size=(sessions, factors))


def test_noise_leaves_as_many_survivors_as_arithmetic_says():
    counts = [int((held_twice(*map(t_values, noise(seed))) > 2).sum()) for seed in range(200)]
    print("mean survivors of 200 noise matrices", np.mean(counts))
    assert 1.1 <= np.mean(counts) <= 1.6


def test_the_bootstrap_of_noise_predicts_its_own_survivors():
    found = examine(*noise(3), draws=400)
    assert found.yardstick.arithmetic == pytest.approx(1.336, abs=0.001)
    assert found.yardstick.mean == pytest.approx(found.yardstick.arithmetic, abs=0.3)


def test_noise_is_family_wise_significant_in_one_of_twenty_matrices():
    hits = sum(
        bool(examine(*noise(seed, 150, 200), draws=200, seed=seed).family_wise(0.05).any())
        for seed in range(60)
    )
    print("noise matrices with a family-wise factor:", hits, "of 60")
    assert hits <= 8


def test_a_planted_factor_is_found_family_wise_and_is_the_only_one():
    explore, confirm = noise(5)
    explore[:, 17] += 0.35
    confirm[:, 17] += 0.35
    found = examine(explore, confirm, draws=400)
    assert np.flatnonzero(found.family_wise(0.05)).tolist() == [17]
    assert found.fdr[17] < 0.01


def test_a_factor_that_changes_its_sign_between_the_halves_does_not_survive():
    explore, confirm = noise(6, factors=5)
    explore[:, 2] += 0.5
    confirm[:, 2] -= 0.5
    found = examine(explore, confirm, draws=200)
    assert found.statistic[2] == 0
    assert found.adjusted[2] == pytest.approx(1.0)


def test_correlated_factors_are_judged_as_the_few_that_they_are():
    random = np.random.default_rng(8)
    few, many = random.normal(size=(300, 5)), random.normal(size=(5, 500))
    copies = few @ many
    other = random.normal(size=(300, 5)) @ many
    correlated = examine(copies, other, draws=400).yardstick.critical
    independent = examine(*noise(9, factors=500), draws=400).yardstick.critical
    assert correlated < independent


def test_a_half_of_too_few_sessions_is_refused():
    explore, confirm = noise(1, LEAST_SESSIONS - 1, 3)
    with pytest.raises(DataError, match="119 sessions, at least 120"):
        examine(explore, confirm)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=50)
def test_adjusted_p_values_are_in_the_order_of_the_raw_ones_and_never_smaller(raw):
    values = np.array(raw)
    adjusted = step_up(values, 1.0)
    assert (adjusted >= values - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= -1e-12).all()
    assert (adjusted <= 1).all()


def test_the_deflated_sharpe_ratio_is_that_of_the_published_example():
    # Bailey and Lopez de Prado: 2.5 a year over 1,250 days, 100 trials, skewness -3, kurtosis 10
    best = expected_best_sharpe(0.5 / 250, 100)
    chance = probabilistic_sharpe(2.5 / np.sqrt(250), best, 1_250, -3, 10)
    assert best == pytest.approx(0.1132, abs=5e-5)
    assert chance == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_deflate_a_sharpe_ratio():
    returns = np.random.default_rng(2).normal(0.05, 1, 500)
    few, many = (deflated_sharpe(returns, 0.002, trials).probability for trials in (2, 1_000))
    assert many < few


def test_returns_that_do_not_vary_have_no_sharpe_ratio():
    with pytest.raises(DataError, match="at least 3 returns"):
        deflated_sharpe(np.zeros(10), 0.1, 5)


def test_the_probability_of_overfitting_of_noise_is_one_half():
    random = np.random.default_rng(4)
    found = [probability_of_overfitting(random.normal(size=(400, 40)), 10) for _ in range(30)]
    print("mean probability of overfitting of noise", np.mean(found))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_the_probability_of_overfitting_of_a_variant_with_skill_is_small():
    returns = np.random.default_rng(5).normal(size=(400, 40))
    returns[:, 7] += 0.5
    assert probability_of_overfitting(returns, 10) < 0.02
