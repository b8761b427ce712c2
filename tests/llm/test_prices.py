"""Prices are data with dates and hours, and every sum is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.yaml_reader import parse
from qe_plugins.errors import ConfigError, ModelError
from qe_plugins.llm.ledger.records import dollars, pico
from qe_plugins.llm.pricing.price_list import (
    PriceList,
    cost,
    price_list,
    rates,
    worst_case,
    worst_usage,
)
from qe_plugins.llm.requests import Usage
from tests.llm.asks import request

FILE = Path(__file__).resolve().parents[2] / "configs" / "prices.yaml"
OFF_PEAK = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # a Monday
PEAK = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SCAN = Usage(input=6_250 * 1_200, output=6_250 * 300)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)
usages = st.builds(
    lambda prompt, cached, output: Usage(prompt, min(prompt, cached), output),
    *[st.integers(0, 90_000)] * 3,
)


@pytest.mark.parametrize(
    ("model", "at", "usage", "usd"),
    [
        ("deepseek-v4-flash", OFF_PEAK, SCAN, "1.575"),
        ("deepseek-flash", OFF_PEAK, SCAN, "2.25"),
        ("deepseek-flash", PEAK, SCAN, "4.5"),
        (
            "deepseek-flash",
            OFF_PEAK,
            Usage(SCAN.input, SCAN.input * 3 // 4, SCAN.output),
            "1.423125",
        ),
    ],
    ids=["the mission's list", "off-peak", "peak", "three quarters cached"],
)
def test_a_full_scan_costs_what_the_mission_says(model, at, usage, usd):
    assert cost(price_list(), model, usage, at) == Decimal(usd)


@pytest.mark.parametrize(
    ("clock", "name"),
    [
        ("2026-11-23T00:59:59", None),
        ("2026-11-23T01:00:00", "peak"),
        ("2026-11-23T03:59:59", "peak"),
        ("2026-11-23T04:00:00", None),
        ("2026-11-23T06:00:00", "peak"),
        ("2026-11-23T10:00:00", None),
        ("2026-11-22T02:00:00", None),  # a Sunday
        ("2026-11-21T08:00:00", None),  # a Saturday
        ("2026-12-25T02:00:00", "peak"),  # Christmas is a working day in China
        ("2027-10-01T02:00:00", "peak"),  # nobody has published that year: taken to be dear
    ],
)
def test_peak_hours_are_hours_of_utc_on_weekdays(clock, name):
    at = datetime.fromisoformat(clock).replace(tzinfo=UTC)

    assert getattr(rates(price_list(), "deepseek-flash", at), "name", None) == name


@pytest.mark.parametrize("day", ["2026-10-01", "2026-10-07"])
def test_a_chinese_holiday_has_no_peak_once_the_price_is_in_force(day):
    prices = _with("from: 2026-11-15", "from: 2026-09-01")
    at = datetime.fromisoformat(f"{day}T02:00:00+00:00")

    assert not hasattr(rates(prices, "deepseek-flash", at), "name")


@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/Berlin", "Asia/Shanghai"])
@pytest.mark.parametrize("day", ["2026-10-26", "2026-11-02", "2027-03-15", "2027-03-29"])
def test_no_clock_change_anywhere_moves_the_peak(zone, day):
    """These are the Mondays after Europe's and America's clocks change."""
    for hour in range(24):
        utc = datetime.fromisoformat(f"{day}T{hour:02}:30:00+00:00")
        local = utc.astimezone(ZoneInfo(zone))

        expected = "0.30" if hour in (1, 2, 3, 6, 7, 8, 9) else "0.15"
        assert rates(price_list(), "deepseek-flash", local).input == Decimal(expected)


def test_a_price_holds_from_its_date():
    prices = _with("from: 2026-11-15", "from: 2026-11-24")
    model = prices.models["deepseek-flash"]
    assert rates(prices, "deepseek-flash", OFF_PEAK) is model.prices[0]  # the first, before it too


@given(moments, usages)
@settings(max_examples=60)
def test_the_worst_case_is_never_below_the_cost(at, usage):
    prices = price_list()
    asked = request(prompt="x" * usage.input, max_tokens=max(1, usage.output))
    used = Usage(usage.input, usage.cached, min(usage.output, asked.max_tokens))

    assert worst_case(prices, asked, at) >= cost(prices, asked.model, used, at)


@given(moments)
@settings(max_examples=60)
def test_a_call_that_ends_in_the_peak_is_reserved_for_at_the_peak(at):
    prices, later = price_list(), timedelta(seconds=30)
    worst = worst_case(prices, request(), at, later)

    usage = worst_usage(request())
    assert worst >= cost(prices, "deepseek-flash", usage, at)
    assert worst >= cost(prices, "deepseek-flash", usage, at + later)


@given(st.lists(usages, min_size=2, max_size=6))
@settings(max_examples=60)
def test_the_cost_of_calls_adds_up_to_the_cost_of_their_sum(several):
    prices = price_list()
    whole = sum(several, Usage())

    apart = sum(cost(prices, "deepseek-flash", usage, OFF_PEAK) for usage in several)
    assert apart == cost(prices, "deepseek-flash", whole, OFF_PEAK)


@given(usages)
@settings(max_examples=60)
def test_the_ledger_holds_a_cost_exactly(usage):
    usd = cost(price_list(), "deepseek-flash", usage, OFF_PEAK)

    assert dollars(pico(usd)) == usd


def test_cache_writes_have_a_price():
    read = cost(price_list(), "claude-sonnet-5-5", Usage(1_000_000, 1_000_000), OFF_PEAK)
    written = cost(price_list(), "claude-sonnet-5-5", Usage(1_000_000, 0, 0, 1_000_000), OFF_PEAK)

    assert (read, written) == (Decimal("0.1"), Decimal("2.5"))


def test_a_prompt_longer_than_any_price_covers_is_refused():
    with pytest.raises(ModelError, match="only up to 100000"):
        cost(price_list(), "claude-haiku-5-5", Usage(100_001), OFF_PEAK)


def test_a_retired_model_is_not_asked_but_keeps_its_price():
    asked = request(model="deepseek-v4-flash")
    with pytest.raises(ModelError, match="retired on 2026-08-01"):
        worst_case(price_list(), asked, OFF_PEAK)

    assert worst_case(price_list(), asked, datetime(2026, 7, 31, tzinfo=UTC)) > 0


def test_an_unknown_model_is_named_with_the_likely_one():
    with pytest.raises(ModelError, match="Did you mean 'deepseek-flash'"):
        rates(price_list(), "deepseek-flsh", OFF_PEAK)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"01:00-04:00"', '"01-04"', "01:00-04:00"),
        ('"06:00-10:00"', '"10:00-06:00"', "end after they begin"),
        ("holidays: CN", "holidays: FR", "no country"),
        ("    provider: deepseek #", "    provider: nobody #", "no provider"),
    ],
)
def test_a_mistake_in_the_file_is_said(old, new, said):
    with pytest.raises(ConfigError, match=said):
        _with(old, new)


def _with(old: str, new: str) -> PriceList:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    tree = parse(text.replace(old, new), lambda line: f"prices.yaml:{line}")
    return Decoder("USD").decode(PriceList, tree)
