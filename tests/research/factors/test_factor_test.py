"""Factors of made histories: planted, absent, leaking, and histories that cannot be tested."""

import numpy as np
import pytest

from qe_plugins.errors import DataError
from qe_plugins.research.factors.factor_test import FactorResult, judge, score
from qe_plugins.research.factors.settings import Costs
from qe_plugins.research.factors.verdict import sentence
from tests.research.factors.made import FEATURES, history, settings


def outcome(seed: int, planted: float = 0.0, only: str | None = None) -> FactorResult:
    data, made = history(seed, planted, only)
    return judge(settings(), data, score(data, [(FEATURES, made["values"])]))


def test_a_planted_factor_is_significant_among_all_and_heads_its_cluster():
    found = outcome(1, planted=0.08)
    assert [one.name for one in found.family_wise] == [FEATURES[0]]
    assert found.factors[0].cluster == FEATURES[0]
    assert found.factors[0].ic[0] == pytest.approx(0.08, abs=0.02)
    assert found.factors[0].pays
    assert "1 in 1 cluster is significant" in sentence(found)
    assert "1 of them predicts more than costs" in sentence(found)


def test_a_factor_below_break_even_is_true_and_useless():
    found = outcome(2, planted=0.035)
    assert found.family_wise
    assert not found.family_wise[0].pays
    assert "true and useless" in sentence(found)


def test_a_history_without_an_edge_has_no_significant_factor():
    found = outcome(3)
    assert found.family_wise == []
    assert "chance alone leaves" in sentence(found) or "none is significant" in sentence(found)


@pytest.mark.parametrize("only", ["odd", "even"])
def test_an_effect_of_one_half_alone_is_not_significant(only):
    found = outcome(4, planted=0.08, only=only)
    assert found.family_wise == []


def test_the_confirm_half_fits_nothing():
    data, made = history(5, planted=0.05)
    values = made["values"]
    first = score(data, [(FEATURES, values)])
    changed = values.copy()
    changed[data.halves.confirm] = changed[data.halves.confirm] * 7 + 3
    again = score(data, [(FEATURES, changed)])
    assert (first.explore == again.explore).all()


def test_a_feature_with_many_missing_values_or_one_value_is_listed_and_not_tested():
    data, made = history(6)
    values = made["values"].copy()
    values[:, 1] = 4.0
    values[: len(values) // 3, 2] = np.nan
    matrix = score(data, [(FEATURES, values)])
    assert matrix.untested == {
        FEATURES[1]: "does not vary",
        FEATURES[2]: "33% of decisions have no value",
    }
    assert len(matrix.names) == len(FEATURES) - 2


def test_missing_values_in_blocks_change_no_other_feature():
    data, made = history(7, planted=0.05)
    values = made["values"]
    whole = score(data, [(FEATURES, values)])
    parts = score(data, [(FEATURES[:5], values[:, :5]), (FEATURES[5:], values[:, 5:])])
    assert np.allclose(whole.explore, parts.explore)


def test_costs_of_zero_are_refused(monkeypatch):
    data, made = history(8)
    free = settings(costs=Costs(slippage_ticks=0.0))
    monkeypatch.setattr("qe_plugins.research.factors.economics.fees", lambda *_: _Free)
    with pytest.raises(DataError, match="costs of a round trip are zero"):
        judge(free, data, score(data, [(FEATURES, made["values"])]))


class _Free:
    total = 0
