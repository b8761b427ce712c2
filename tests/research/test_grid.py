"""A grid is read as YAML is, and every combination comes in the order written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.config.loader import read_override
from qe_plugins.errors import ConfigError
from qe_plugins.research.grid import overrides, read_axes, read_axis, settings

SCALARS = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12),
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("rung.risk=25 USD,50 USD", ("25 USD", "50 USD")),
        ("strategies.ema_cross.fast=5,10,20", (5, 10, 20)),
        ("data.instruments=[ESZ3],[ESH4, ESM4]", (["ESZ3"], ["ESH4", "ESM4"])),
        ("posture=null,{reason: flat}", (None, {"reason": "flat"})),
        ("strategies.x.bars='1,5',2", ("1,5", 2)),
        ('data."a.b"=1', (1,)),
    ],
)  # fmt: skip
def test_values_are_yaml(text: str, values: tuple[Any, ...]) -> None:
    assert read_axis(text).values == values


@given(values=st.lists(SCALARS, min_size=1, max_size=4))
def test_a_value_reaches_the_configuration_as_it_was_written(values: list[Any]) -> None:
    for value in values:
        [override] = overrides({"strategies.x.setting": value})
        assert read_override(override)[1].to_plain() == value


def test_the_last_axis_turns_fastest() -> None:
    axes = read_axes(["a=1,2", "b=x,y"])
    assert list(settings(axes)) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["fast", "fast=", "=5", "fast=1,,2", "fast=[1", "a b=1"])
def test_what_is_no_axis_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"not an axis of a grid\. Write --grid dotted\.key=one"):
        read_axis(text)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["fast=5,5"], "--grid fast=5,5: a value is given twice."),
        (["fast=5", "fast=6"], "--grid fast: the key is given twice."),
    ],
)
def test_the_same_thing_twice_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_axes(texts)
    assert str(caught.value) == says
