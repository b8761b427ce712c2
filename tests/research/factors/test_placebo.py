"""Placebo rotations: chance only, and what they say of a planted factor."""

import numpy as np
import pytest

from qe_plugins.errors import DataError
from qe_plugins.research.factors.decisions import DecisionRows
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.placebo import rotate
from qe_plugins.research.factors.session_scores import standardize
from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.split import divide
from tests.research.factors.generated import generated, values_of

NAMES = [f"1m.velocity.{k}" for k in range(200)]
UNLIKE = [
    *("1m.drift.240", "1m.drift.10", "1m.acceleration.60", "1m.temperature.60", "1m.skewness.120"),
    *("1m.kurtosis.60", "1m.echo.30", "1m.volume_surge.20", "1m.hurst.120", "1m.imbalance.20"),
]
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


@pytest.mark.long
def test_p_values_of_features_of_generated_bars_are_uniform():
    values = np.sort(np.concatenate([of_generated(seed) for seed in range(401, 411)]))
    distance = float(np.abs(values - np.arange(1, len(values) + 1) / len(values)).max())
    print("Kolmogorov-Smirnov distance", distance, "of", len(values))
    assert distance < 1.63 / np.sqrt(len(values))  # the critical value at 1%


def of_generated(seed: int) -> list[float]:
    """Return the p-values of ten features that have little in common, on a year without an edge."""
    made = generated(seed, planted=0.0, years=1)
    order = np.argsort(made.data.session, kind="stable")
    values = values_of(UNLIKE, made.bars, made.contracts, made.rows)[order]
    z = standardize(values, made.data.halves.explore[order]).z
    return list(rotate(made.data, UNLIKE, z, 200, 2.0).p_values.values())


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
