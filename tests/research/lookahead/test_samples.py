"""Moments are drawn from every kind of decision, early and late, the same for a seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.research.lookahead.decisions import Decision
from qe_plugins.research.lookahead.samples import sampled
from tests.research.lookahead.test_decisions import decided

RECORDS = np.arange(1, 401, dtype=np.int64)
VOTES = [decided("vote", "hunter", ts=ts) for ts in range(1, 301)]
VETOES = [decided("veto", "guardian", ts=ts) for ts in (40, 220)]
FILLS = [decided("OrderFilled", "cross", ts=ts) for ts in range(330, 400)]


def test_a_rare_decision_is_drawn_beside_frequent_ones() -> None:
    found = sampled([*VOTES, *VETOES], RECORDS, 12, seed=3)
    assert len(found) == 12
    assert {40, 220} <= set(found)


def test_early_and_late_decisions_are_drawn() -> None:
    found = [ts for ts in sampled(VOTES, RECORDS, 8, seed=1) if ts <= 300]
    assert found[0] <= 50
    assert found[-1] > 250


def test_some_moments_are_records_at_which_nothing_was_decided() -> None:
    found = sampled([*VOTES, *FILLS], RECORDS, 8, seed=1)
    assert sum(ts > 300 for ts in found) == 2


def test_a_seed_draws_the_same_and_another_seed_others() -> None:
    draws = [sampled(VOTES, RECORDS, 8, seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_a_run_of_few_decisions_is_cut_at_records_besides() -> None:
    found = sampled(VETOES, RECORDS, 8, seed=1)
    assert {40, 220} < set(found)
    assert len(found) == 8


def test_a_run_without_decisions_is_cut_at_records() -> None:
    assert len(sampled([], RECORDS, 5, seed=0)) == 5


@given(
    times=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 400))),
    count=st.integers(1, 30),
    since=st.integers(0, 200),
)
def test_no_more_than_asked_none_too_early_and_in_order(
    times: list[tuple[str, int]], count: int, since: int
) -> None:
    decisions: list[Decision] = [decided("vote", source, ts=ts) for source, ts in times]
    found = sampled(decisions, RECORDS, count, 0, since)
    assert len(found) <= count
    assert all(ts >= since for ts in found)
    assert found == sorted(set(found))
