"""Sizes: whole contracts inside a buffer, never above the largest, and an honest zero."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.errors import DataError
from qe_plugins.research.factors.combination import multiplier, weights_of
from qe_plugins.research.factors.settings import Combination
from qe_plugins.research.factors.sizing import MINUTES_A_YEAR, Sizing

FORECASTS = st.floats(-2, 2)
AVERAGES = st.floats(0.01, 200)


def sizing(**changes) -> Sizing:
    given = {"capital": 100_000.0, "risk": 0.2, "share": 1.0, "buffer": 0.1, "most": 1_000}
    return Sizing(**given | changes)


def test_an_average_forecast_moves_by_the_risk_target_in_a_year():
    minute = 0.16 / math.sqrt(MINUTES_A_YEAR)
    volatility = math.log((minute * 1e4) ** 2)
    found = sizing().average_position(volatility, 4_750.0, 5.0)
    assert found * 4_750 * 5 * 0.16 == pytest.approx(100_000 * 0.2)


def test_a_size_that_rounds_to_nothing_is_nothing():
    assert sizing().position(0, 0.9, 0.5) == 0


def test_an_unknown_or_vanished_volatility_has_no_size():
    assert math.isnan(sizing().average_position(math.nan, 4_750.0, 5.0))
    assert math.isnan(sizing().average_position(-math.inf, 4_750.0, 5.0))


@given(FORECASTS, AVERAGES, st.integers(-300, 300), st.floats(0, 0.5), st.integers(1, 50))
def test_a_position_stays_within_the_buffer_and_the_largest(forecast, average, held, buffer, most):
    found = sizing(buffer=buffer, most=most).position(held, forecast, average)
    best = min(max(forecast * average, -most), most)
    assert abs(found) <= most
    assert abs(found - best) <= buffer * average + 0.5 + 1e-9


@given(FORECASTS, AVERAGES, st.integers(-300, 300))
def test_what_is_reached_is_kept(forecast, average, held):
    one = sizing()
    reached = one.position(held, forecast, average)
    assert one.position(reached, forecast, average) == reached


@given(AVERAGES, st.integers(-300, 300), FORECASTS)
def test_the_opposite_forecast_holds_the_opposite(average, held, forecast):
    one = sizing()
    assert one.position(-held, -forecast, average) == -one.position(held, forecast, average)


def columns(correlation: np.ndarray) -> np.ndarray:
    """Return columns of exactly this correlation."""
    noise = np.random.default_rng(4).normal(size=(500, len(correlation)))
    white = np.linalg.qr(noise - noise.mean(axis=0))[0]
    values, vectors = np.linalg.eigh(correlation)
    root: np.ndarray = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return white @ root


ALIKE = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1.0]])


def test_five_instruments_that_agree_in_nothing_are_multiplied_by_the_root_of_five():
    weights = weights_of(columns(np.eye(5)), Combination())
    assert weights.tolist() == [0.2] * 5
    assert multiplier(np.eye(5), weights, 2.5) == pytest.approx(math.sqrt(5))
    assert multiplier(np.eye(5), weights, 2.0) == 2.0
    assert multiplier(np.ones((5, 5)), weights, 2.5) == pytest.approx(1.0)


def test_shrunk_weights_give_less_to_what_is_alike():
    weights = weights_of(columns(ALIKE), Combination(weights="shrunk"))
    assert weights.sum() == pytest.approx(1)
    assert weights[2] > weights[0] == pytest.approx(weights[1])
    moved = Combination(weights="shrunk", shrink=1.0)
    assert (weights_of(columns(ALIKE), moved) > 0.333).all()


@pytest.mark.long
def test_weights_of_risk_parity_give_each_factor_the_same_part_of_the_risk():
    pytest.importorskip("skfolio")
    weights = weights_of(columns(ALIKE), Combination(weights="risk_parity"))
    parts = weights * (ALIKE @ weights)
    assert weights.sum() == pytest.approx(1)
    assert parts == pytest.approx(np.full(3, parts.mean()), rel=0.01)


def test_risk_parity_without_skfolio_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio.optimization", None)
    with pytest.raises(DataError, match="skfolio is not installed"):
        weights_of(columns(ALIKE), Combination(weights="risk_parity"))
