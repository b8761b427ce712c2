"""Triggers: a small typed language, parsed and never evaluated as Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.errors import FeatureError
from qe_plugins.features.trigger import FeatureTrigger

A, B = "1m.velocity.30", "1h.temperature.60"


def held(text: str, a: float, b: float = 0.0) -> bool:
    columns = {A: np.array([a]), B: np.array([b])}
    return bool(FeatureTrigger(text, "test").holds(columns)[0])


@pytest.mark.parametrize(
    ("text", "a", "b", "holds"),
    [
        (f"{A} > 2", 3.0, 0.0, True),
        (f"{A} > 2", 2.0, 0.0, False),
        (f"abs({A}) > 2 and {B} < 1", -3.0, 0.0, True),
        (f"abs({A}) > 2 and {B} < 1", -3.0, 1.0, False),
        (f"{A} > 2 or {B} < 1", 0.0, 0.0, True),
        (f"not {A} > 2", 0.0, 0.0, True),
        (f"not ({A} > 2 or {B} > 2)", 0.0, 3.0, False),
        (f"{A} + 2 * {B} == 7", 1.0, 3.0, True),
        (f"({A} + 2) * {B} == 9", 1.0, 3.0, True),
        (f"-{A} - -1 >= 0", 1.0, 0.0, True),
        (f"{A} / {B} != 2", 4.0, 2.0, False),
        (f"max({A}, {B}) <= min(5, 1e1)", 4.0, 2.0, True),
        (f"{A} - 1 - 1 == 0", 2.0, 0.0, True),
    ],
)
def test_an_expression_means_what_it_says(text: str, a: float, b: float, holds: bool):
    assert held(text, a, b) is holds


def test_it_does_not_hold_where_a_feature_is_null():
    assert not held(f"not {A} > 2", float("nan"))
    assert not held(f"{A} > 2 or {B} < 1", float("nan"), 0.0)


def test_it_knows_the_features_that_it_names():
    assert FeatureTrigger(f"{A} > {B} and {A} < 3", "test").names == (A, B)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends too early"),
        (f"{A} >", "ends too early"),
        (A, "it is a number"),
        ("1 < 2", "names no feature"),
        (f"{A} > 2 and 3", "joins comparisons"),
        (f"({A} > 2) + 1 > 3", "takes numbers"),
        (f"1 < {A} < 2", "two comparisons"),
        (f"{A} > 2 {B}", "is not expected here"),
        (f"sqrt({A}) > 2", "'sqrt' is no feature, number or function"),
        (f"__import__('os') or {A} > 1", "is not understood"),
        (f"{A}.close > 1", "is not understood"),
        (f"abs({A}, 2) > 1", "abs takes 1, was 2"),
        (f"({A} > 2", "')' is missing"),
        ("(" * 100 + A, "too many brackets"),
    ],
)
def test_a_wrong_expression_is_one_line(text: str, says: str):
    with pytest.raises(FeatureError) as error:
        FeatureTrigger(text, "plugin hunter")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_rows_are_evaluated_alone_as_together(values: list[float]):
    trigger = FeatureTrigger(f"({A} * 3 - {B}) / 7 > abs({A}) / 3 or {A} < {B}", "test")
    a, b = np.array(values), np.array(values[::-1])

    together = trigger.holds({A: a, B: b})
    alone = [trigger.holds({A: a[n : n + 1], B: b[n : n + 1]})[0] for n in range(len(a))]

    assert together.tolist() == alone
