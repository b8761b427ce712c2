"""A contract's key survives its names, and one-digit years are read by the date."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.market.contract_key import ContractKey, dated_key

ROOTS = st.from_regex(r"[A-Z0-9]{1,3}", fullmatch=True)
KEYS = st.builds(ContractKey, ROOTS, st.integers(2010, 2035), st.integers(1, 12))


@given(KEYS)
def test_a_two_digit_name_round_trips_whatever_the_date(key):
    assert dated_key(key.name, date.min) == key
    assert dated_key(key.name, date(2099, 1, 1)) == key


@given(KEYS, st.integers(0, 9 * 365))
def test_a_raw_name_round_trips_while_the_contract_is_listed(key, days_before):
    listed = date.fromordinal(date(key.year, key.month, 1).toordinal() - days_before)
    assert dated_key(key.raw, listed) == key


@pytest.mark.parametrize(
    ("on", "name"),
    [
        (date(2014, 6, 2), "ESH15"),
        (date(2015, 3, 20), "ESH15"),
        (date(2015, 4, 1), "ESH25"),
        (date(2023, 6, 1), "ESH25"),
    ],
)
def test_a_year_digit_that_comes_back_after_ten_years_is_read_by_the_date(on, name):
    key = dated_key("ESH5", on)
    assert key is not None
    assert key.name == name


def test_keys_of_one_root_sort_by_delivery():
    names = ["ESH25", "ESZ14", "ESH15"]
    keys = sorted(key for name in names if (key := dated_key(name, date.min)))
    assert [key.name for key in keys] == ["ESZ14", "ESH15", "ESH25"]


@pytest.mark.parametrize("text", ["ES", "ESH5-ESM5", "ESM4 C4250", "ES.FUT", "ESA5", "", "ESH255"])
def test_what_is_no_dated_contract_has_no_key(text):
    assert dated_key(text, date(2024, 1, 1)) is None
