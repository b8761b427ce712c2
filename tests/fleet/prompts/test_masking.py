"""What a masked prompt does not tell: the same path, elsewhere, at another time and level."""

from __future__ import annotations

import math
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.fleet.prompts.masking import Mask, third_of_session
from qe_plugins.fleet.prompts.requests import Renderer
from qe_plugins.fleet.prompts.system import system_prompt
from qe_plugins.fleet.tasks.snapshot import MINUTE, MarketSnapshot
from qe_plugins.fleet.tasks.task_list import TaskList
from qe_plugins.fleet.tree import Level
from qe_plugins.plugins.types import Role
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
    weeks=st.sampled_from(range(-8 * 52, 2 * 52, 52)),  # winter time in Chicago
)
def test_a_masked_prompt_tells_neither_instrument_nor_date_nor_level(name, power, weeks):
    elsewhere = market(
        names=(name,), level=4_096.0 * 2**power, start=START + weeks * 7 * 1_440 * MINUTE
    )

    assert prompts(elsewhere) == prompts(market())


def test_the_same_prompts_unmasked_tell_all_three():
    told = prompts(market(), masked=False)[0]

    assert "MESH24.XCME" in told
    assert re.search(r"2023-11-1\dT\d\d:\d\d 4\d{3}\.\d{3}", told)


def test_no_masked_prompt_holds_a_date_or_a_name():
    for prompt in prompts(market(names=("MESH24.XCME", "NQH24.XCME"))):
        assert not re.search(r"MES|NQ|XCME|20\d\d-\d\d|\b[34]\d{3}\.\d", prompt)


def test_no_masked_figure_has_a_unit():
    for prompt in prompts(market()):
        assert not re.search(r"bps|volatility:|value:|vega|theta|gamma|strike", prompt)


def test_twice_the_volatility_is_the_same_prompt():
    calm = market(minutes=900).frame
    logs = (pl.col(name).log() for name in ("open", "high", "low", "close"))
    first = math.log(calm["open"][0])
    wild = calm.with_columns(((one - first) * 2 + first).exp() for one in logs)
    tasks = (TaskList(ALL, MarketSnapshot(frame)) for frame in (calm, wild))
    shown = [[Mask(("MESH24.XCME",)).facts(each[n].facts) for n in range(6)] for each in tasks]

    for one, other in zip(*shown, strict=True):
        assert one == pytest.approx(other, abs=0.11)


@pytest.mark.parametrize(
    ("clock", "third"), [("17:01", 1), ("00:39", 1), ("00:41", 2), ("08:30", 3), ("16:00", 3)]
)
def test_the_time_of_day_is_told_as_a_third_of_the_session(clock, third):
    hour, minute = map(int, clock.split(":"))
    at = datetime(2023, 11, 14, hour, minute, tzinfo=ZoneInfo("America/Chicago"))

    assert third_of_session(int(at.timestamp()) * 1_000_000_000) == third


def test_no_option_is_asked_about_its_market_price_since_none_is_known():
    for prompt in [system_prompt(Level.WORKER, Role.ARBITER), *prompts(market(), masked=False)]:
        assert not re.search(r"cheap|\bdear\b|priced against", prompt)


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
