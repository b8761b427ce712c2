"""Halves by month: purge, embargo, lockbox, missing months."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import DataError
from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.split import check_months, divide, missing_months


def days(first: str, last: str) -> np.ndarray:
    return np.arange(first, last, dtype="datetime64[D]")


@given(
    st.integers(0, 400), st.integers(30, 300), st.integers(0, 20), st.integers(0, 3), st.booleans()
)
@settings(max_examples=80)
def test_halves_share_no_month_and_no_label_reaches_into_the_other(
    start, length, horizon, embargo, locked
):
    sessions = days("2020-01-01", "2022-01-01")[start : start + length]
    ends = sessions + np.timedelta64(horizon, "D")
    lockbox = (date(2020, 3, 10), date(2020, 5, 3)) if locked else None
    halves = divide(sessions, ends, Split(embargo=embargo, lockbox=lockbox))
    assert not (halves.explore & halves.confirm).any()
    for half in (halves.explore, halves.confirm):
        months = sessions[half].astype("datetime64[M]")
        assert (ends[half].astype("datetime64[M]") == months).all()
    kept = halves.explore | halves.confirm
    if lockbox is not None:
        first, last = (np.datetime64(day) for day in lockbox)
        assert not (kept & (ends >= first) & (sessions < last)).any()
    out = halves.purged + halves.embargoed + halves.locked
    assert out + kept.sum() == len(sessions)


def test_odd_months_explore_and_even_ones_confirm():
    sessions = days("2021-01-01", "2021-03-01")
    halves = divide(sessions, sessions, Split(embargo=0))
    assert halves.explore.sum() == 31
    assert halves.confirm.sum() == 28


def test_the_first_session_of_each_month_is_left_out():
    sessions = days("2021-01-01", "2021-03-01")
    halves = divide(sessions, sessions, Split(embargo=1))
    assert halves.embargoed == 2
    assert not halves.explore[0]


def test_a_month_without_sessions_is_named():
    sessions = np.concatenate([days("2021-01-01", "2021-02-01"), days("2021-03-01", "2021-04-01")])
    assert missing_months(sessions, None) == ["2021-02"]
    with pytest.raises(DataError, match="no sessions in 2021-02"):
        check_months(sessions, Split())


def test_explore_and_confirm_cannot_be_the_same_months():
    with pytest.raises(ValueError, match="must be different months"):
        Split(explore="odd", confirm="odd")
