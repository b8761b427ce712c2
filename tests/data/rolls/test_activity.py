"""What traded in each session, read from Databento files."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from qe_plugins.data.rolls.activity import open_activity
from qe_plugins.data.rolls.calendars import load, rolls_of
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.roll_calendar import Rule
from tests.market import tape

NAMES = {1: "ESZ3", 2: "ESH4", 3: "ESZ3-ESH4", 4: "NQZ3"}
Z13, H14 = ContractKey("ES", 2013, 12), ContractKey("ES", 2014, 3)
FRIDAY, MONDAY, TUESDAY = dt.date(2013, 12, 13), dt.date(2013, 12, 16), dt.date(2013, 12, 17)


def at(day, hour, minute=0):
    return dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)


def minutes(folder, *bars, names=NAMES):
    return tape.write(folder / "es.ohlcv-1m.dbn.zst", "ohlcv-1m", bars, names)


def test_minutes_of_a_sunday_evening_count_to_monday(tmp_path):
    sunday = dt.date(2013, 12, 15)
    minutes(
        tmp_path,
        tape.bar(1, at(FRIDAY, 15), 1775, 10),
        tape.bar(1, at(sunday, 23), 1776, 3),
        tape.bar(1, at(MONDAY, 15), 1777, 4),
    )
    assert open_activity([tmp_path], "ES").volumes() == {FRIDAY: {Z13: 10}, MONDAY: {Z13: 7}}


def test_a_daily_bar_of_a_sunday_is_a_stub_and_left_out(shared_data):
    activity = open_activity([shared_data / "es_2013"], "ES")
    volumes = activity.volumes()
    assert dt.date(2013, 12, 15) not in volumes
    assert volumes[FRIDAY][Z13] == 347_764
    assert volumes[FRIDAY][H14] == 868_208


def test_spreads_and_other_roots_are_left_out(tmp_path):
    minutes(
        tmp_path,
        tape.bar(1, at(MONDAY, 15), 1777, 4),
        tape.bar(3, at(MONDAY, 15), -6.25, 9),
        tape.bar(4, at(MONDAY, 15), 3500, 9),
    )
    assert open_activity([tmp_path], "ES").volumes() == {MONDAY: {Z13: 4}}


def test_one_raw_name_ten_years_apart_is_two_contracts(tmp_path):
    late = dt.date(2023, 12, 11)
    minutes(tmp_path, tape.bar(1, at(MONDAY, 15), 1777, 4), tape.bar(1, at(late, 15), 4600, 5))
    volumes = open_activity([tmp_path], "ES").volumes()
    assert volumes == {MONDAY: {Z13: 4}, late: {ContractKey("ES", 2023, 12): 5}}


def test_the_price_pair_is_of_the_last_minute_in_which_both_traded(tmp_path):
    minutes(
        tmp_path,
        tape.bar(1, at(MONDAY, 21), 1777, 4),
        tape.bar(2, at(MONDAY, 21), 1771, 4),
        tape.bar(1, at(MONDAY, 21, 1), 1780, 4),
    )
    pair = open_activity([tmp_path], "ES").prices(MONDAY, "ESZ13.XCME", "ESH14.XCME")
    assert pair is not None
    assert (pair.at, pair.before, pair.after) == ("2013-12-16T21:00:00Z", 1777, 1771)


def test_without_a_late_common_minute_the_daily_closes_are_the_pair(shared_data):
    activity = open_activity([shared_data / "es_2013"], "ES")
    pair = activity.prices(FRIDAY, "ESZ13.XCME", "ESH14.XCME")
    assert pair is not None
    assert (pair.at, pair.before) == ("2013-12-13 daily close", 1775)
    assert pair.after == Decimal("1768.75")


def test_a_contract_that_did_not_trade_has_no_pair(tmp_path):
    minutes(tmp_path, tape.bar(1, at(MONDAY, 21), 1777, 4))
    assert open_activity([tmp_path], "ES").prices(MONDAY, "ESZ13.XCME", "ESH14.XCME") is None


def test_open_interest_rolls_on_the_session_after_it_was_published(tmp_path):
    minutes(
        tmp_path,
        *(tape.bar(1, at(FRIDAY + dt.timedelta(days=n), 15), 1777, 4) for n in (0, 3, 4, 5)),
    )
    tape.write(
        tmp_path / "es.statistics.dbn.zst",
        "statistics",
        [tape.open_interest(1, MONDAY, 100), tape.open_interest(2, MONDAY, 200)],
        NAMES,
    )
    [roll] = rolls_of(open_activity([tmp_path], "ES"), Rule.OPEN_INTEREST).rolls
    assert (roll.known, str(roll.date)) == (TUESDAY, "2013-12-18")
    assert roll.reason == "open interest on 2013-12-17: ESH14 200 > ESZ13 100"


def test_without_statistics_open_interest_is_one_clear_error(shared_data):
    activity = open_activity([shared_data / "es_2013"], "ES")
    with pytest.raises(
        DataError, match=r"ES: the data has no open interest\. Buy schema 'statistics'"
    ):
        rolls_of(activity, Rule.OPEN_INTEREST)


def test_a_file_cut_short_is_refused(tmp_path):
    path = minutes(tmp_path, *(tape.bar(1, at(MONDAY, 15, m), 1777, 4) for m in range(50)))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="cut short"):
        open_activity([tmp_path], "ES")


def test_a_calendar_that_was_not_kept_says_how_to_make_it():
    with pytest.raises(DataError, match="qe data rolls ES --rule volume"):
        load("ES", Rule.VOLUME)
