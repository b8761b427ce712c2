"""Votes measured by group: what one model or prompt is worth is found in a mixture of two."""

from __future__ import annotations

import numpy as np
import pytest

from qe_plugins.recordings.calibration import calibration
from qe_plugins.recordings.vote_groups import JudgedVote, groups_by, measured_group

DECISIONS, WORKERS = 600, 5


def votes(model: str, correlation: float, right: float, seed: int) -> list[JudgedVote]:
    """Return votes of workers, so often right, whose errors have a part in common."""
    rng = np.random.default_rng(seed)
    shared = rng.random((DECISIONS, WORKERS)) < np.sqrt(correlation)
    common, own = rng.random((DECISIONS, 1)) < right, rng.random((DECISIONS, WORKERS)) < right
    correct = np.where(shared, common, own)
    rose = rng.random(DECISIONS) < 0.5
    return [
        JudgedVote(
            decision=number,
            node=f"{model}.{worker}",
            model=model,
            prompt="1m",
            said=0.7 if rose[number] == correct[number, worker] else 0.3,
            up=bool(rose[number] == correct[number, worker]),
            rose=bool(rose[number]),
        )
        for number in range(DECISIONS)
        for worker in range(WORKERS)
    ]


def test_each_model_of_a_mixture_is_measured_as_it_is_alone():
    both = votes("copies", 0.9, 0.5, 1) + votes("apart", 0.0, 0.7, 2)
    apart, copies = groups_by("model", both, 0.44)

    assert (apart.name, copies.name) == ("apart", "copies")
    assert apart.effective.votes > 4
    assert copies.effective.votes < 1.5
    assert not apart.calibration.below_base_rate
    assert copies.calibration.below_base_rate
    assert apart == measured_group("apart", votes("apart", 0.0, 0.7, 2), 0.44)


def test_a_group_of_one_worker_has_no_correlation():
    alone = [one for one in votes("a", 0.0, 0.5, 1) if one.node == "a.0"]

    assert measured_group("a", alone, 0.44).effective is None


def test_votes_of_one_decision_count_as_one_in_the_interval():
    rng = np.random.default_rng(1)
    said, rose = rng.choice([0.3, 0.7], 200), rng.random(200) < 0.5
    once = calibration(said, rose)
    copied = calibration(said.repeat(9), rose.repeat(9), np.arange(200).repeat(9))

    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.difference == pytest.approx(once.difference)
