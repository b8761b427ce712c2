"""Roll calendars go forward, are complete, and depend on the past only."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey, dated_key
from qe_plugins.market.expiry import limit, listed
from qe_plugins.market.roll_calendar import Rule, last_session, roll_calendar, sessions_left
from qe_plugins.market.sessions import session_on, sessions

EXCEL = date(1899, 12, 30)
ROOTS = st.sampled_from(["ES", "CL", "GC", "ZN"])
LENGTH = 70
Z13, H14 = ContractKey("ES", 2013, 12), ContractKey("ES", 2014, 3)


def key(contract):
    found = dated_key(contract.partition(".")[0], date.min)
    assert found is not None
    return found


@st.composite
def markets(draw):
    """Draw a root, its sessions for some months and figures of four contracts, with gaps."""
    root = draw(ROOTS)
    first = draw(st.dates(date(2011, 1, 3), date(2024, 6, 1)))
    days = [one.date for one in sessions(root, first, first + timedelta(days=LENGTH))]
    contracts = listed(root, days[0])
    near = [next(contracts) for _ in range(4)]
    figure = st.integers(0, 1_000)
    row = st.dictionaries(st.sampled_from(near), figure, max_size=4)
    rows = draw(st.lists(row, min_size=len(days), max_size=len(days)))
    return root, days, dict(zip(days, rows, strict=True))


@settings(max_examples=40)
@given(markets(), st.sampled_from(list(Rule)))
def test_a_calendar_only_goes_forward_and_names_a_contract_for_every_session(drawn, rule):
    root, days, figures = drawn
    calendar = roll_calendar(root, rule, days, figures)
    fronts = [key(calendar.front(day)) for day in days]
    assert fronts == sorted(fronts)
    assert all(roll.before != roll.after for roll in calendar.rolls)
    assert [roll.before for roll in calendar.rolls] == [
        calendar.first,
        *(roll.after for roll in calendar.rolls),
    ][: len(calendar.rolls)]


@settings(max_examples=40)
@given(markets(), st.sampled_from(list(Rule)))
def test_no_contract_is_held_past_its_last_session(drawn, rule):
    root, days, figures = drawn
    calendar = roll_calendar(root, rule, days, figures)
    for day in days:
        front = key(calendar.front(day))
        assert day <= last_session(front) < limit(front)


@settings(max_examples=40)
@given(markets(), st.sampled_from(list(Rule)))
def test_a_roll_is_decided_on_the_session_before_it_and_gives_its_reason(drawn, rule):
    root, days, figures = drawn
    before = dict(pairwise(days))
    for roll in roll_calendar(root, rule, days, figures).rolls:
        assert before[roll.known] == roll.date
        ours = figures[roll.known].get(key(roll.before))
        theirs = figures[roll.known].get(key(roll.after))
        if roll.reason.startswith(("volume", "open interest")):
            assert theirs is not None
            assert ours is not None
            assert theirs > ours
            assert f"{theirs:,} > " in roll.reason
        else:
            assert roll.known == last_session(key(roll.before))


@settings(max_examples=40)
@given(markets(), st.sampled_from(list(Rule)), st.integers(1, LENGTH))
def test_what_comes_later_changes_nothing_before(drawn, rule, cut):
    root, days, figures = drawn
    earlier = days[: min(cut, len(days))]
    whole = roll_calendar(root, rule, days, figures)
    known = roll_calendar(root, rule, earlier, {day: figures[day] for day in earlier})
    assert known == whole.between(earlier[0], earlier[-1])


def december(figures):
    days = [one.date for one in sessions("ES", date(2013, 12, 9), date(2013, 12, 20))]
    return roll_calendar("ES", Rule.VOLUME, days, figures)


def test_a_roll_does_not_flip_back_when_the_old_contract_trades_more_again():
    calendar = december(
        {
            date(2013, 12, 12): {Z13: 1_113_344, H14: 354_874},
            date(2013, 12, 13): {Z13: 347_764, H14: 868_208},
            date(2013, 12, 16): {Z13: 999_999, H14: 1},
        }
    )
    assert [(str(roll.date), roll.reason) for roll in calendar.rolls] == [
        ("2013-12-16", "volume on 2013-12-13: ESH14 868,208 > ESZ13 347,764")
    ]


def test_without_a_crossing_the_deadline_rolls_before_expiry():
    calendar = december({})
    assert [(str(roll.date), roll.reason) for roll in calendar.rolls] == [
        ("2013-12-20", "deadline: 1 session before ESZ13's last trade on 2013-12-20")
    ]


def test_a_day_without_one_of_the_two_contracts_decides_nothing():
    assert str(december({date(2013, 12, 10): {H14: 5}}).rolls[0].date) == "2013-12-20"


def test_the_calendar_begins_with_a_contract_that_is_in_the_data():
    assert december({date(2013, 12, 9): {H14: 5}}).first == "ESH14.XCME"


def test_an_expiring_contract_alone_in_the_data_does_not_begin_the_calendar():
    days = [one.date for one in sessions("ES", date(2013, 12, 20), date(2013, 12, 27))]
    assert roll_calendar("ES", Rule.VOLUME, days, {days[0]: {Z13: 5}}).first == "ESH14.XCME"


def test_a_day_outside_the_calendar_is_one_clear_error():
    with pytest.raises(DataError, match=r"ES: the roll calendar has no 2014-01-02"):
        december({}).front(date(2014, 1, 2))


def lean(shared_data):
    """Return the last day and the expiry of each ES contract by LEAN's rule 0."""
    with (shared_data / "rolls" / "lean_es_map.csv").open() as file:
        rows = [row for row in csv.reader(file) if row[3:] == ["0"]]
    for last, symbol, *_ in rows:
        encoded = int(symbol.split()[1], 36) // 10**14  # days since 1899-12-30
        yield date.fromisoformat(last), EXCEL + timedelta(days=encoded)


def test_the_calendar_rule_for_es_is_leans_last_trading_day(shared_data):
    days = [one.date for one in sessions("ES", date(2010, 1, 19), date(2022, 12, 30))]
    ours = roll_calendar("ES", Rule.CALENDAR, days, {}).rolls
    theirs = list(takewhile(lambda row: row[0].year <= 2022, lean(shared_data)))
    theirs = [row for row in theirs if row[0].year >= 2010]
    assert len(theirs) == 52
    assert [(roll.known, limit(key(roll.before))) for roll in ours] == theirs


@pytest.mark.parametrize(
    ("contract", "last"),
    [
        (ContractKey("CL", 2024, 3), "2024-02-15"),  # the 19th is a holiday's half session
        (ContractKey("CL", 2020, 5), "2020-04-17"),
        (ContractKey("GC", 2024, 12), "2024-11-26"),
        (ContractKey("ZN", 2024, 3), "2024-02-27"),
    ],
)
def test_oil_gold_and_notes_are_left_before_expiry_and_notice(contract, last):
    assert str(last_session(contract)) == last


@settings(max_examples=40)
@given(markets(), st.sampled_from(list(Rule)))
def test_positions_are_never_rolled_in_a_half_session(drawn, rule):
    root, days, figures = drawn
    for roll in roll_calendar(root, rule, days, figures).rolls:
        session = session_on(root, roll.date)
        assert session is not None
        assert not session.early


def test_a_crossing_before_a_holiday_waits_for_a_whole_session():
    days = [one.date for one in sessions("ES", date(2024, 6, 12), date(2024, 6, 21))]
    near, far = ContractKey("ES", 2024, 6), ContractKey("ES", 2024, 9)
    crossed = {day: {near: 5, far: 9} for day in days if day >= date(2024, 6, 18)}
    [roll] = roll_calendar("ES", Rule.VOLUME, days, crossed).rolls
    assert (str(roll.known), str(roll.date)) == ("2024-06-19", "2024-06-20")


@pytest.mark.parametrize(
    ("contract", "day", "left"),
    [
        (ContractKey("ES", 2013, 12), date(2013, 12, 17), 2),
        (ContractKey("ES", 2013, 12), date(2013, 12, 19), 0),
        (ContractKey("ES", 2013, 12), date(2013, 12, 23), 0),
        (ContractKey("CL", 2024, 1), date(2023, 12, 11), 4),  # last trade on 19 December
    ],
)
def test_sessions_left_are_counted_to_the_last_one(contract, day, left):
    assert sessions_left(contract, day) == left
