"""Properties of spending and of days, for generated numbers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest
import requests
from databento.common.error import BentoError, BentoHttpError
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.data.checks.session_coverage import coverage, spans
from qe_plugins.data.databento.budget import Budget
from qe_plugins.data.databento.client import RateLimiter
from qe_plugins.data.databento.errors import api_key, without
from qe_plugins.data.databento.estimate import without_held
from qe_plugins.data.databento.partition import FilePart
from qe_plugins.data.databento.retry import is_transient, wait, was_billed
from qe_plugins.errors import ConfigError, DataError

MINUTE = 60_000_000_000
DAY = dt.timedelta(days=1)
FIRST = dt.date(2024, 1, 1)

cents = st.integers(1, 500).map(lambda n: Decimal(n) / 100)
intervals = st.tuples(st.integers(0, 40), st.integers(1, 20))


@settings(max_examples=60)
@given(st.lists(cents, min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=30), cents)
def test_no_run_spends_more_than_its_limit(prices, cuts, spare):
    quoted = sum(prices, Decimal(0))
    budget = Budget(quoted + spare, quoted)
    for price in prices:
        budget.charge(price, "first", again=False)
    for cut in cuts:
        try:
            budget.charge(prices[cut % len(prices)], "again", again=True)
        except DataError:
            break

    assert quoted <= budget.spent <= budget.limit


def test_what_was_refused_before_it_was_sold_can_be_spent_again():
    budget = Budget(Decimal(2), Decimal(1))
    budget.charge(Decimal(1), "first", again=False)
    for _ in range(9):
        budget.charge(Decimal(1), "again", again=True)
        budget.refund(Decimal(1), again=True)

    assert budget.spent == 1


def file_part(first: int, days: int) -> FilePart:
    start = FIRST + first * DAY
    return FilePart("ES", "ohlcv-1m", "ESH24", start, start + days * DAY, "ESH4", "raw_symbol")


def days_of(one) -> set[dt.date]:
    return {one.start + n * DAY for n in range((one.end - one.start).days)}


@settings(max_examples=100)
@given(intervals, st.lists(intervals, max_size=5))
def test_what_is_bought_and_what_is_held_make_the_whole_and_never_overlap(wanted, held):
    entries = [
        SimpleNamespace(path=(p := file_part(*h)).path, start=p.start, end=p.end) for h in held
    ]

    rest = without_held(file_part(*wanted), entries)

    bought = [day for one in rest for day in days_of(one)]
    have = {day for one in entries for day in days_of(one)}
    assert len(bought) == len(set(bought))
    assert set(bought) == days_of(file_part(*wanted)) - have


@pytest.mark.parametrize(
    ("error", "again", "billed"),
    [
        (BentoHttpError(429), True, False),
        (BentoHttpError(408), True, False),
        (BentoHttpError(503), True, False),
        (BentoHttpError(422), False, False),
        (BentoError("Error streaming response"), True, True),
        (requests.ReadTimeout(), True, True),
        (requests.ConnectTimeout(), True, False),
        (requests.ConnectionError("reset by peer"), True, True),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), False, True),
    ],
)
def test_which_errors_are_tried_again_and_which_may_have_been_billed(error, again, billed):
    assert is_transient(error) is again
    assert was_billed(error) is billed


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("9999", 300.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_it_waits_as_long_as_the_vendor_says(header, seconds):
    error = BentoHttpError(429, headers={"Retry-After": header})
    state = SimpleNamespace(outcome=SimpleNamespace(exception=lambda: error))

    assert wait(state) == seconds


def test_no_more_requests_arrive_in_a_second_than_may():
    slept: list[float] = []
    limiter = RateLimiter(3, slept.append)

    answers = [limiter.call(lambda n=n: n) for n in range(7)]

    assert answers == list(range(7))
    assert slept[:3] == [0.0] * 3
    assert all(0.5 < seconds <= 1.0 for seconds in slept[3:])


def test_a_key_with_blanks_is_not_repeated(monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", "db-secret part")

    with pytest.raises(ConfigError) as caught:
        api_key()
    assert "secret" not in str(caught.value)
    assert without("db-x", "key db-x") == "key <DATABENTO_API_KEY>"


def test_coverage_counts_sessions_holes_and_bars_out_of_hours():
    import numpy as np

    monday = int(dt.datetime(2024, 3, 4, 15, tzinfo=dt.UTC).timestamp()) * 10**9
    wednesday = monday + 2 * 24 * 60 * MINUTE
    in_the_break = int(dt.datetime(2024, 3, 4, 22, 30, tzinfo=dt.UTC).timestamp()) * 10**9
    stamps = [monday, monday + MINUTE, monday + 31 * MINUTE, in_the_break, wednesday]

    found = coverage("ES", np.array(stamps, np.int64), MINUTE)

    assert (found.present, found.outside) == (2, 1)
    assert found.missing == [dt.date(2024, 3, 5)]
    assert (found.hole, found.hole_at) == (29, monday + 2 * MINUTE)


def test_days_in_a_row_are_one_span():
    days = [dt.date(2013, 10, day) for day in (6, 7, 8, 9, 10, 11, 13, 14, 29)]

    assert spans(days) == "2013-10-06..14, 2013-10-29"
