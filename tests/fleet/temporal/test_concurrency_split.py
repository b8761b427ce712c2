"""Calls in flight, divided among supervisors that know nothing of one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.errors import FleetError
from qe_plugins.fleet.temporal.concurrency_split import ConcurrencySplit, split
from qe_plugins.fleet.tree import Tree

FULL = Tree((5, 5, 5, 50))


@pytest.mark.parametrize(
    ("concurrency", "parts"),
    [
        (10_000, ConcurrencySplit(25, 5, 50)),
        (2_000, ConcurrencySplit(25, 5, 16)),
        (1_000, ConcurrencySplit(25, 5, 8)),
    ],
)
def test_a_full_tree_runs_all_its_supervisors_at_once(concurrency, parts):
    assert split(FULL, concurrency) == parts


def test_one_call_at_once_runs_one_supervisor_after_the_other():
    assert split(FULL, 1) == ConcurrencySplit(1, 1, 1)


@given(
    widths=st.tuples(*(st.integers(1, 6) for _ in range(3)), st.integers(1, 60)),
    concurrency=st.integers(1, 3_000),
)
def test_the_parts_are_never_more_than_the_whole(widths, concurrency):
    parts = split(Tree(widths), concurrency)

    assert min(parts.captains, parts.supervisors, parts.calls) >= 1
    assert parts.captains * parts.supervisors * parts.calls <= concurrency


def test_a_tree_too_wide_for_a_servers_history_is_refused():
    with pytest.raises(FleetError, match="at most 1,000 captains, and supervisors a captain"):
        split(Tree((1, 1, 1_001, 1)), 100)
