"""Factors of made histories: planted, absent, leaking, and histories that cannot be tested."""

from datetime import date

import msgspec
import numpy as np
import pytest

from qe_plugins.errors import DataError
from qe_plugins.research.factors.combination import choose, combine
from qe_plugins.research.factors.factor_test import MOST_IC, FactorResult, judge, score
from qe_plugins.research.factors.settings import Costs, Split
from qe_plugins.research.factors.split import divide
from qe_plugins.research.factors.verdict import caution, sentence
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


def test_a_factor_that_sees_what_it_predicts_is_suspect_and_enters_no_book():
    data, made = history(9)
    values = made["values"].copy()
    values[:, 3] += data.label  # an IC of 0.7
    found = judge(settings(), data, score(data, [(FEATURES, values)]))
    assert found.factors[0].name == FEATURES[3]
    assert found.factors[0].state == "suspect"
    assert "of them has an IC that suggests a look-ahead, and no other is" in sentence(found)
    assert any(FEATURES[3] in text and "look-ahead" in text for text in caution(found))
    with pytest.raises(DataError, match="a book would be empty"):
        choose(found, {})


def test_a_weaker_look_ahead_beside_a_suspect_one_enters_no_book_either():
    data, made = history(12)
    values, noise = made["values"].copy(), np.random.default_rng(12)
    values[:, 3] = data.label + noise.normal(size=len(data.label))
    values[:, 4] = values[:, 3] + 1.1 * noise.normal(size=len(data.label)) - 0.75 * data.label
    found = judge(settings(), data, score(data, [(FEATURES, values)]))
    states = {one.name: (one.state, one.cluster) for one in found.factors}
    assert states[FEATURES[3]][0] == "suspect"
    assert states[FEATURES[4]] == ("family-wise", states[FEATURES[3]][1])
    assert "no other is significant outside of their clusters" in sentence(found)
    assert any(f"only with --accept: {FEATURES[4]}." in text for text in caution(found))
    with pytest.raises(DataError, match="every significant factor is in a cluster with a suspect"):
        choose(found, {})


def test_a_suspect_factor_is_not_accepted_by_name_either():
    data, made = history(9)
    values = made["values"].copy()
    values[:, 3] += data.label
    found = judge(settings(), data, score(data, [(FEATURES, values)]))
    with pytest.raises(DataError, match="is suspect: its IC suggests a look-ahead"):
        choose(found, {FEATURES[3]: "it looks good"})


@pytest.mark.parametrize("only", ["odd", "even"])
def test_a_factor_that_sees_what_it_predicts_in_one_half_alone_is_not_significant(only):
    found = outcome(10, planted=2.0, only=only)
    assert max(map(abs, found.factors[0].ic)) < MOST_IC
    assert [one.state for one in found.factors if one.name == FEATURES[0]] == ["chance"]


def test_nothing_in_the_lockbox_reaches_a_test():
    data, made = history(11, planted=0.08)
    split = Split(lockbox=(date(2021, 3, 1), date(2022, 2, 1)))
    data = msgspec.structs.replace(data, halves=divide(data.session, data.session, split))
    locked = ~data.halves.kept
    assert locked.sum() > 5_000
    first = judge(settings(split=split), data, score(data, [(FEATURES, made["values"])]))

    values, rows = made["values"].copy(), data.rows[0]
    values[locked, :4], values[locked, 4:] = np.nan, 1e6
    changed = {
        name: np.where(locked, -7.0, getattr(rows, name))
        for name in ("label", "deviation", "volume")
    }
    poisoned = msgspec.structs.replace(
        data, rows=[msgspec.structs.replace(rows, **changed)], label=changed["label"]
    )
    again = judge(settings(split=split), poisoned, score(poisoned, [(FEATURES, values)]))
    assert again == first

    columns = [dict(zip(FEATURES, one.T, strict=True)) for one in (made["values"], values)]
    one, other = (
        combine(settings(split=split), "test", first, given, found, {})
        for given, found in zip((data, poisoned), columns, strict=True)
    )
    assert one == other


def test_the_confirm_half_chooses_no_sign_weight_or_scale_of_a_book():
    data, made = history(12, planted=0.08)
    accepted = {FEATURES[5]: "a prior"}
    found = judge(settings(), data, score(data, [(FEATURES, made["values"])]))
    values = made["values"].copy()
    values[data.halves.confirm] *= -3
    columns = [dict(zip(FEATURES, one.T, strict=True)) for one in (made["values"], values)]
    one, other = (combine(settings(), "test", found, data, found_, accepted) for found_ in columns)
    assert one.factors == other.factors
    assert (one.multiplier, one.instruments) == (other.multiplier, other.instruments)
    assert one.claim != other.claim


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
