"""Aggregates: robust, honest about how much the votes are worth, the same in any order."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.fleet.aggregate import (
    CONFLICT,
    EXCEPTIONS,
    Vote,
    merge,
    missing_subtree,
    pool,
)
from qe_plugins.recordings.pooling import effective_size, robust_mean

NO_GAPS: Counter[str] = Counter()
VOTES = st.lists(
    st.builds(
        Vote,
        target=st.sampled_from(["A 1m", "A 5m", "B 1m"]),
        score=st.floats(-1, 1),
        confidence=st.floats(0, 1),
        reason=st.just("because"),
    ),
    max_size=30,
)


def votes(*scores: float, target: str = "A 1m") -> list[Vote]:
    return [Vote(target, score, 0.5, f"reason {n}") for n, score in enumerate(scores)]


def test_nine_correlated_votes_are_worth_about_two():
    assert effective_size(9, 0.44) == pytest.approx(2, abs=0.05)


def test_6250_votes_are_never_worth_more_than_their_correlation_allows():
    assert effective_size(6_250, 0.44) < 1 / 0.44


def test_independent_votes_are_worth_what_they_count():
    assert effective_size(9, 0.0) == 9


def test_one_outlier_does_not_move_the_mean():
    usual = [0.2, 0.21, 0.19, 0.2, 0.22, 0.18, 0.2]

    assert robust_mean([*usual, -1.0], [1] * 8) == pytest.approx(0.2, abs=0.02)


def test_a_confident_vote_weighs_more():
    assert robust_mean([-0.5, 0.5], [0.1, 0.9]) == pytest.approx(0.4)


def test_coverage_counts_the_missing_by_reason():
    whole = pool(votes(0.1, 0.2), Counter(late=2, invalid=1), 0.44)

    assert (whole.expected, whole.answered, whole.coverage) == (5, 2, 0.4)
    assert whole.missing == {"invalid": 1, "late": 2}


def test_a_divided_group_has_a_conflict_and_quotes_the_dissent():
    whole = pool(votes(0.8, 0.7, 0.9, -0.9), NO_GAPS, 0.44)

    assert whole.conflict == CONFLICT
    assert whole.exceptions[0].score == -0.9
    assert len(whole.exceptions) <= EXCEPTIONS


def test_a_group_that_agrees_quotes_no_dissent():
    whole = pool(votes(0.8, 0.7, 0.9), NO_GAPS, 0.44)

    assert (whole.conflict, whole.exceptions) == (0.0, ())


def test_votes_that_follow_their_target_are_worth_less():
    together = votes(0.9, 0.9, 0.9) + votes(-0.9, -0.9, -0.9, target="B 1m")

    assert pool(together, NO_GAPS, 0.1).correlation == 1.0
    assert pool(together, NO_GAPS, 0.1).effective == 1.0


def test_candidates_are_ranked_by_score_and_confidence():
    mixed = votes(0.1) + votes(-0.9, target="B 1m") + votes(0.5, target="A 5m")

    targets = [one.target for one in pool(mixed, NO_GAPS, 0.44).candidates]

    assert targets == ["B 1m", "A 5m", "A 1m"]


def test_a_target_seen_by_two_groups_is_one_candidate():
    whole = merge([pool(votes(0.6, 0.6), NO_GAPS, 0.44), pool(votes(0.0, 0.0), NO_GAPS, 0.44)])

    assert [(one.target, one.score, one.votes) for one in whole.candidates] == [("A 1m", 0.3, 4)]


def test_those_under_an_absent_parent_still_count_as_expected():
    whole = merge([pool(votes(0.5, 0.5), NO_GAPS, 0.44)], missing_subtree(3, "no_quorum"))

    assert (whole.expected, whole.answered) == (5, 2)
    assert whole.missing == {"no_quorum": 3}


def test_nothing_at_all_is_an_aggregate_too():
    whole = merge([], missing_subtree(50, "late"))

    assert (whole.score, whole.coverage, whole.effective, whole.candidates) == (0.0, 0.0, 0.0, ())


@settings(max_examples=60)
@given(some=VOTES, seed=st.integers(0, 9))
def test_the_order_of_answers_does_not_matter_and_the_figures_stay_in_bounds(some, seed):
    shuffled = random.Random(seed).sample(some, len(some))
    whole, other = pool(some, NO_GAPS, 0.44), pool(shuffled, NO_GAPS, 0.44)

    assert whole.score == pytest.approx(other.score, abs=1e-5)
    assert -1 <= whole.score <= 1
    assert 0 <= whole.conflict <= 1
    assert 0 <= whole.effective <= max(len(some), 0)
    assert 0.44 <= whole.correlation <= 1
