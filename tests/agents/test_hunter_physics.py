"""The physics hunter, with the features that a test sets."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from agents.hunter_physics import HunterPhysics
from qe_plugins import Side

CALM = {"1m.drift.30": 3.0, "1m.temperature.30": 0.5, "1h.temperature.10": 4.0}


@pytest.fixture
def propose(qe_plugins: Any, qe_bar: Any, qe_contract: Any, qe_features: Any) -> Any:
    cache = SimpleNamespace(instrument=lambda _: qe_contract)

    def call(**changed: float) -> Any:
        names = {name.replace("_", "."): value for name, value in changed.items()}
        values = {**CALM, **{f"1{name}": value for name, value in names.items()}}
        desk = qe_plugins(HunterPhysics())
        given = {"bar": qe_bar(4750), "cache": cache, "features": qe_features(values)}
        [answer] = desk.call("contribute_signals", **given)
        assert answer.error is None
        return answer.value

    return call


def test_a_drift_up_is_bought_with_the_stop_below(propose: Any) -> None:
    signal = propose()

    assert signal.side is Side.LONG
    assert signal.stop < signal.entry < signal.target


def test_a_drift_down_is_sold_with_the_stop_above(propose: Any) -> None:
    signal = propose(m_drift_30=-3.0)

    assert signal.side is Side.SHORT
    assert signal.target < signal.entry < signal.stop


def test_the_stop_is_two_deviations_of_half_an_hour_away(propose: Any) -> None:
    signal = propose()
    deviation = 4750 * math.exp(0.25) / 1e4 * math.sqrt(30)

    assert 0 <= float(signal.entry - signal.stop) - 2 * deviation <= 0.25


def test_hot_hours_bring_no_signal(propose: Any) -> None:
    assert propose(h_temperature_10=9.0) is None


def test_features_that_are_not_known_yet_bring_no_signal(propose: Any) -> None:
    assert propose(h_temperature_10=math.nan) is None
