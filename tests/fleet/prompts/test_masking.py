"""What a masked prompt does not tell: the same path, elsewhere, at another time and level."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.fleet.prompts.requests import Mask, Renderer
from qe_plugins.fleet.tasks.snapshot import MINUTE, MarketSnapshot
from qe_plugins.fleet.tasks.task_list import TaskList
from tests.fleet.conftest import START, market
from tests.fleet.tasks.test_task_list import ALL


def prompts(known: MarketSnapshot, *, masked: bool = True) -> list[str]:
    renderer = Renderer(Mask(known.instruments, masked))
    tasks = TaskList(ALL, known)
    return [renderer.task(tasks[n]) for n in range(len(tasks))]


@settings(max_examples=8)
@given(
    name=st.sampled_from(["ESZ13.XCME", "GCJ25.XCEC", "ZNH20.XCBT"]),
    power=st.integers(-5, 5),
    days=st.integers(-3_000, 700),
)
def test_a_masked_prompt_tells_neither_instrument_nor_date_nor_level(name, power, days):
    elsewhere = market(names=(name,), level=4_096.0 * 2**power, start=START + days * 1_440 * MINUTE)

    assert prompts(elsewhere) == prompts(market())


def test_the_same_prompts_unmasked_tell_all_three():
    told = prompts(market(), masked=False)[0]

    assert "MESH24.XCME" in told
    assert re.search(r"2023-11-1\dT\d\d:\d\d 4\d{3}\.\d{3}", told)


def test_no_masked_prompt_holds_a_date_or_a_name():
    for prompt in prompts(market(names=("MESH24.XCME", "NQH24.XCME"))):
        assert not re.search(r"MES|NQ|XCME|20\d\d-\d\d|\b[34]\d{3}\.\d", prompt)


def test_two_instruments_keep_apart_under_the_mask():
    mask = Mask(("ESH24.XCME", "NQH24.XCME"))

    assert mask.shown("ESH24.XCME 5m") == "instrument A 5m"
    assert mask.shown("NQH24.XCME 5m") == "instrument B 5m"


@pytest.mark.parametrize(("number", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ")])
def test_names_do_not_run_out(number, letters):
    names = [f"X{n}" for n in range(702)]

    assert Mask(names).name(names[number]) == f"instrument {letters}"


def test_masking_is_on_unless_a_file_says_otherwise(small):
    assert small().fleet.mask_market
