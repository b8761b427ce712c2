"""Sessions open and close at the exchange's times, also when clocks change."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins import state_dir
from qe_plugins.errors import DataError
from qe_plugins.market import holidays, shipped_calendars
from qe_plugins.market.sessions import (
    CHICAGO,
    is_open,
    minutes_to_break,
    next_session,
    session_at,
    session_on,
    sessions,
    shifted,
)

ROOTS = st.sampled_from(["ES", "MES", "NQ", "CL", "GC", "ZN"])
DAYS = st.dates(date(2010, 6, 7), date(2026, 12, 31))
MOMENTS = st.datetimes(datetime(2010, 6, 7), datetime(2026, 12, 31), timezones=st.just(UTC))


def chicago(moment):
    return f"{moment.astimezone(CHICAGO):%a %H:%M}"


def hours(root, day):
    """Return open, halts and close of a session in Chicago, in one line."""
    session = session_on(root, date.fromisoformat(day))
    if session is None:
        return "closed"
    halts = [f"{chicago(halt.start)}-{chicago(halt.end)[4:]}" for halt in session.breaks]
    return " ".join([chicago(session.open), *halts, chicago(session.close)])


@pytest.mark.parametrize(
    ("root", "day", "expected"),
    [
        ("ES", "2012-11-16", "Thu 15:30 Thu 16:30-17:00 Fri 15:15"),
        ("ES", "2012-11-19", "Sun 17:00 Mon 15:15-15:30 Mon 16:15"),
        ("ES", "2013-12-16", "Sun 17:00 Mon 15:15-15:30 Mon 16:15"),
        ("ES", "2015-09-18", "Thu 17:00 Fri 15:15-15:30 Fri 16:15"),
        ("ES", "2015-09-21", "Sun 17:00 Mon 15:15-15:30 Mon 16:00"),
        ("ES", "2021-06-25", "Thu 17:00 Fri 15:15-15:30 Fri 16:00"),
        ("ES", "2021-06-28", "Sun 17:00 Mon 16:00"),
        ("NQ", "2020-03-16", "Sun 17:00 Mon 15:15-15:30 Mon 16:00"),
        ("CL", "2015-09-18", "Thu 17:00 Fri 16:15"),
        ("GC", "2015-09-21", "Sun 17:00 Mon 16:00"),
        ("ZN", "2013-12-16", "Sun 17:00 Mon 16:00"),
        ("ES", "2012-10-29", "Sun 17:00 Mon 08:15"),
        ("ES", "2012-10-30", "Mon 17:00 Tue 08:15"),
        ("NQ", "2012-10-31", "Tue 17:00 Wed 15:15"),
        ("ZN", "2012-10-29", "Sun 17:00 Mon 11:00"),
        ("ZN", "2012-10-30", "Mon 17:00 Tue 16:00"),
        ("ZN", "2018-12-05", "closed"),
        ("ZN", "2018-12-06", "Wed 17:00 Thu 16:00"),
        ("ES", "2018-12-05", "Tue 17:00 Wed 08:30"),
        ("CL", "2018-12-05", "Tue 17:00 Wed 16:00"),
        ("CL", "2025-07-04", "Thu 17:00 Fri 12:00"),
        ("GC", "2025-07-04", "Thu 17:00 Fri 12:00"),
        ("CL", "2011-11-24", "Wed 17:00 Thu 12:15"),
        ("GC", "2013-07-04", "Wed 17:00 Thu 12:15"),
        ("CL", "2014-02-17", "Sun 17:00 Mon 12:15"),
        ("CL", "2014-05-26", "Sun 17:00 Mon 12:00"),
    ],
)
def test_regular_hours_change_when_the_exchange_changed_them(root, day, expected):
    assert hours(root, day) == expected


@pytest.mark.parametrize(
    ("root", "day", "expected"),
    [
        ("ES", "2013-07-04", "Wed 17:00 Thu 10:30"),
        ("ES", "2024-11-28", "Wed 17:00 Thu 12:00"),
        ("ES", "2024-11-29", "Thu 17:00 Fri 12:15"),
        ("ES", "2021-04-02", "Thu 17:00 Fri 08:15"),
        ("ES", "2025-01-09", "Wed 17:00 Thu 08:30"),
        ("ZN", "2025-01-09", "Wed 17:00 Thu 12:15"),
        ("CL", "2025-01-09", "Wed 17:00 Thu 16:00"),
        ("CL", "2024-09-02", "Sun 17:00 Mon 13:30"),
        ("CL", "2024-11-29", "Thu 17:00 Fri 13:45"),
        ("GC", "2013-12-24", "Mon 17:00 Tue 12:45"),
        ("ES", "2024-03-29", "closed"),
        ("ES", "2025-04-18", "closed"),
        ("ES", "2014-04-18", "closed"),
        ("CL", "2024-12-25", "closed"),
        ("ES", "2024-11-30", "closed"),
    ],
)
def test_holidays_and_early_closes(root, day, expected):
    assert hours(root, day) == expected


def test_an_early_close_is_marked_with_its_reason():
    session = session_on("ES", date(2025, 1, 9))
    assert session is not None
    assert (session.early, session.reason) == (True, "mourning for President Carter")


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2024, 3, 8), 23, 22),  # winter time
        (date(2024, 3, 11), 22, 21),  # clocks went forward on Sunday, before the open
        (date(2024, 11, 1), 22, 21),
        (date(2024, 11, 4), 23, 22),  # and back
    ],
)
def test_hours_in_utc_follow_both_clock_changes(day, opens, closes):
    session = session_on("ES", day)
    assert session is not None
    assert (session.open.hour, session.close.hour) == (opens, closes)


@given(ROOTS, DAYS)
def test_sessions_never_overlap_and_open_in_the_evening_in_chicago(root, day):
    week = sessions(root, day - timedelta(days=7), day)
    assert all(one.close <= after.open for one, after in pairwise(week))
    for one in week:
        assert one.open < one.close
        assert (one.open.astimezone(CHICAGO).date() + timedelta(days=1)) == one.date
        assert chicago(one.open)[4:] in ("17:00", "15:30")
        assert one.close.astimezone(CHICAGO).date() == one.date
        assert all(one.open < halt.start < halt.end < one.close for halt in one.breaks)


@given(ROOTS, st.integers(2011, 2026), st.sampled_from([(3, 8), (11, 1)]))
def test_a_session_across_a_clock_change_keeps_its_chicago_hours(root, year, about):
    changed = date(year, *about)
    changed += timedelta(days=(6 - changed.weekday()) % 7)  # the Sunday on which clocks change
    friday, monday = (session_on(root, changed + timedelta(days=by)) for by in (-2, 1))
    assert friday is not None
    assert monday is not None
    assert chicago(friday.close)[4:] == chicago(monday.close)[4:]
    moved = timedelta(hours=1 if about[0] == 3 else -1)
    three_days = timedelta(days=3)
    assert friday.close + three_days - monday.close == moved


@given(ROOTS, MOMENTS)
def test_a_moment_is_open_exactly_when_minutes_remain(root, moment):
    left = minutes_to_break(root, moment)
    assert (left is not None) == is_open(root, moment)
    if left is not None:
        assert left > 0
        assert is_open(root, moment + timedelta(minutes=left) - timedelta(microseconds=1))
        assert not is_open(root, moment + timedelta(minutes=left))


@given(ROOTS, MOMENTS)
def test_nanoseconds_and_times_mean_the_same(root, moment):
    whole = moment.replace(microsecond=0)
    nanoseconds = int(whole.timestamp()) * 1_000_000_000
    assert next_session(root, nanoseconds) == next_session(root, whole)


def test_minutes_to_break_counts_to_the_halt_and_then_to_the_close():
    noon = datetime(2013, 12, 16, 18, 0, tzinfo=UTC)
    assert minutes_to_break("ES", noon) == 195
    assert minutes_to_break("ES", noon + timedelta(minutes=195)) is None
    assert minutes_to_break("ES", noon + timedelta(minutes=210)) == 45


def test_the_maintenance_break_and_the_weekend_belong_to_no_session():
    friday_evening = datetime(2024, 3, 8, 22, 30, tzinfo=UTC)
    assert session_at("ES", friday_evening) is None
    assert next_session("ES", friday_evening).date == date(2024, 3, 11)


@given(ROOTS, DAYS, st.integers(-20, 20))
def test_shifting_there_and_back_returns(root, day, by):
    start = shifted(root, day, 0)
    assert shifted(root, shifted(root, day, by), -by) == start


def test_a_day_out_of_range_is_one_clear_error():
    with pytest.raises(DataError, match="ES: no sessions of 1999-12-25"):
        session_on("ES", date(1999, 12, 25))


def test_every_real_bar_lies_inside_a_session(shared_data):
    from qe_plugins.data.dbn.root_bars import bar_files, read_bars

    files = bar_files([shared_data / "es_2013", shared_data / "databento"], "ES")["ohlcv-1m"]
    moments = read_bars(files, "ES")["ts"].unique().to_list()
    assert len(moments) > 15_000
    assert [ts for ts in moments if not is_open("ES", ts)] == []


@pytest.mark.skipif(
    not shipped_calendars.is_installed(), reason="another version of the calendars is installed"
)
@pytest.mark.parametrize("name", shipped_calendars.NAMES)
def test_the_calendars_that_the_package_ships_are_those_of_the_library(name):
    first, last = shipped_calendars.FIRST, shipped_calendars.LAST

    assert holidays.closes(name, first, last) == shipped_calendars.computed(name, first, last)


def test_days_of_another_version_are_asked_of_the_library(monkeypatch):
    shipped = holidays.days("NYSE", date(2013, 11, 25), date(2013, 11, 29))
    holidays.closes.cache_clear()
    monkeypatch.setattr(shipped_calendars, "is_installed", lambda: False)

    assert holidays.days("NYSE", date(2013, 11, 25), date(2013, 11, 29)) == shipped
    assert list((state_dir.cache_dir() / "calendars").glob("NYSE-closes-*.json"))
    assert date(2013, 11, 28) not in shipped


def test_a_calendar_is_asked_for_once_and_kept(monkeypatch):
    holidays.closes.cache_clear()
    asked = holidays.closes("CME_Equity", date(2013, 11, 25), date(2013, 11, 29))
    holidays.closes.cache_clear()
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", None)  # to import it would raise
    assert holidays.closes("CME_Equity", date(2013, 11, 25), date(2013, 11, 29)) == asked


def test_a_kept_calendar_that_is_damaged_is_asked_for_again():
    holidays.closes.cache_clear()
    whole = holidays.closes("CME_Equity", date(2013, 11, 25), date(2013, 11, 29))
    holidays.closes.cache_clear()
    [file] = (state_dir.cache_dir() / "calendars").glob("CME_Equity-closes-*.json")
    file.write_bytes(file.read_bytes()[:-9])
    assert holidays.closes("CME_Equity", date(2013, 11, 25), date(2013, 11, 29)) == whole
