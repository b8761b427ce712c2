"""Placebo rotations: chance only, and what they say of a planted factor."""

import numpy as np
import pytest

from qe_plugins.errors import DataError
from qe_plugins.research.factors.decisions import DecisionRows
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.placebo import rotate
from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.split import divide

NAMES = [f"1m.velocity.{k}" for k in range(200)]
DAY = 86_400_000_000_000


def history(seed: int, sessions: int = 200, planted: float = 0.0) -> tuple[FactorData, np.ndarray]:
    random = np.random.default_rng(seed)
    days = np.arange(0, sessions * 2, 2).astype("datetime64[D]")
    session = np.repeat(days, 8)
    z = random.normal(size=(len(session), len(NAMES))).astype(np.float32)
    label = random.normal(size=len(session)) + planted * z[:, 3]
    ts = session.astype("datetime64[ns]").astype(np.int64) + np.tile(np.arange(8), sessions)
    rows = DecisionRows("ES", ts, session, session, label, session, label, 0)
    return FactorData([rows], divide(session, session, Split(embargo=0)), label, session), z


def test_p_values_of_features_without_an_edge_are_uniform():
    data, z = history(1)
    found = rotate(data, NAMES, z, 300, 2.0, seed=2)
    values = np.sort(list(found.p_values.values()))
    expected = np.arange(1, len(values) + 1) / len(values)
    distance = float(np.abs(values - expected).max())
    print("Kolmogorov-Smirnov distance", distance)
    assert distance < 1.63 / np.sqrt(len(values))  # the critical value at 1%


def test_a_planted_factor_is_beyond_all_its_rotations():
    data, z = history(3, planted=0.25)
    found = rotate(data, NAMES, z, 100, 2.0)
    assert found.p_values[NAMES[3]] == pytest.approx(1 / 101)
    assert found.observed >= 1


def test_rotations_are_the_same_for_the_same_seed():
    data, z = history(4)
    one, again, other = (rotate(data, NAMES, z, 30, 1.0, seed=seed) for seed in (5, 5, 6))
    assert one == again
    assert one.counts != other.counts


def test_too_few_sessions_to_rotate_are_refused():
    data, z = history(5, sessions=16)
    with pytest.raises(DataError, match="too few to rotate"):
        rotate(data, NAMES, z, 20, 2.0)
