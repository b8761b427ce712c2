"""The error rates of an ablation, on generated votes: nothing is called something, and seldom."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qe_plugins.research.ablation.comparison import (
    compare,
    holm,
    mean_of,
    t_probability,
    t_quantile,
)
from qe_plugins.research.ablation.verdict import Judgement, judge

SEEDS, SESSIONS, SLOTS, ROTATIONS = 400, 250, 4, 5
FEES = 0.05
"""Cost of a trade in R."""


def votes(rng: np.random.Generator) -> np.ndarray:
    """Return sides of four decisions a session, -1 to 1 and 0 for none, in clusters of sessions."""
    regime = np.repeat(rng.choice([-0.5, 0.5], SESSIONS // 5 + 1), 5)[:SESSIONS, None]
    return np.sign((rng.normal(regime, 1.0, (SESSIONS, SLOTS)) * 2).round())


def outcomes(rng: np.random.Generator) -> np.ndarray:
    """Return the result of going long in each slot, in R, with days of more and less volatility."""
    days = np.exp(0.3 * rng.normal(size=(SESSIONS, 1)))
    return days * (rng.normal(0, 0.3, (SESSIONS, 1)) + rng.normal(0, 1.4, (SESSIONS, SLOTS)))


def verdict(seed: int, edge: float = 0.0, *, rotated_copy: bool = False):
    rng = np.random.default_rng(seed)
    sides, results = votes(rng), outcomes(rng)
    if rotated_copy:
        sides = np.roll(sides, int(rng.integers(1, SESSIONS)), axis=0)
    cost = FEES * np.abs(sides)
    fleet = ((sides * results + edge * np.abs(sides)) - cost).sum(axis=1)
    moved = [np.roll(sides, int(by), axis=0) for by in rng.integers(1, SESSIONS, ROTATIONS)]
    rotated = mean_of([(one * results - FEES * np.abs(one)).sum(axis=1) for one in moved])
    none = np.zeros(SESSIONS)
    relevant = 0.1 * np.abs(sides).sum() / SESSIONS
    return judge(compare(fleet, rotated), compare(fleet, none), relevant=relevant, currency="R")


def claims(found) -> bool:
    return found.judgement in (Judgement.EARNED, Judgement.DID_NOT, Judgement.WORSE)


def test_400_fleets_without_an_edge_are_called_different_in_3_to_7_percent():
    rate = np.mean([claims(verdict(seed)) for seed in range(SEEDS)])

    assert 0.03 <= rate <= 0.07, rate


def test_an_edge_of_a_fifth_of_the_risk_is_found_in_80_percent_of_years():
    rate = np.mean([verdict(seed, 0.2).to_rotated.above for seed in range(SEEDS)])

    assert rate >= 0.8, rate


def test_rotated_copies_are_not_called_better_than_their_own_votes_shuffled():
    found = [verdict(seed, rotated_copy=True).to_rotated.above for seed in range(SEEDS)]

    assert np.mean(found) <= 0.05


def test_the_smallest_visible_difference_is_found_in_80_percent():
    rng = np.random.default_rng(3)
    visible = compare(rng.normal(0, 1, 250), np.zeros(250)).visible
    found = [compare(rng.normal(visible, 1, 250), np.zeros(250)).above for _ in range(SEEDS)]

    assert 0.72 <= np.mean(found) <= 0.88


def test_every_verdict_tells_what_it_could_have_seen():
    for edge in (0.0, 0.2, -0.3):
        assert "could have seen" in verdict(1, edge).sentence


def test_too_little_to_see_what_matters_is_cannot_say():
    unclear = [one for one in map(verdict, range(8)) if not claims(one)]
    assert {one.judgement for one in unclear} == {Judgement.CANNOT_SAY}
    assert all("would matter" in one.sentence for one in unclear)

    few = compare([1.0] * 19, [0.0] * 19)
    assert judge(few, few, relevant=9, currency="R").judgement is Judgement.CANNOT_SAY


def test_a_precise_zero_is_no_difference():
    rng = np.random.default_rng(1)
    same = rng.normal(0, 1, 500)
    none = compare(same, same + rng.normal(0, 0.01, 500))

    assert judge(none, none, relevant=0.1, currency="R").judgement is Judgement.NO_DIFFERENCE


def test_better_than_shuffled_and_not_better_than_none_did_not_earn_its_cost():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, 250)
    better, not_better = compare(noise + 1, noise * 0.5), compare(noise, noise * 0)

    judged = judge(better, not_better, relevant=0.1, currency="R").judgement
    assert judged is Judgement.DID_NOT


def test_a_contaminated_recording_is_told_first():
    one = compare(range(30), [0] * 30)
    found = judge(one, one, relevant=1, currency="USD", contaminated={"near": 3})

    assert found.headline.startswith("CONTAMINATED, no evidence (3 near decisions): ")


@pytest.mark.parametrize("freedom", [1, 2, 5, 30, 249, 2_000])
def test_the_t_distribution_is_scipys(freedom):
    for probability in (0.6, 0.8, 0.975, 0.999):
        value = stats.t.ppf(probability, freedom)
        assert t_quantile(probability, freedom) == pytest.approx(value, rel=1e-6)
        assert t_probability(value, freedom) == pytest.approx(probability, abs=1e-9)


def test_holm_multiplies_the_smallest_most():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
