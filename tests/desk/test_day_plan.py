"""When the steps of a day are due, by the exchange's hours."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.desk.day_plan import plan_of
from qe_plugins.fleet.desk_settings import DeskSettings
from qe_plugins.market.sessions import session_on, sessions
from tests.desk.days import HOUR, SETTINGS, plan, utc

DAYS = sessions("MES", date(2023, 6, 1), date(2024, 12, 31))


def test_a_day_of_mes_has_a_hunt_at_night_a_report_at_breakfast_and_parity_in_the_break():
    day = plan()

    assert day.hunts[:3] == (utc("03 03:00"), utc("03 07:00"), utc("03 11:00"))
    assert day.reports == (utc("03 13:00"),)  # 07:00 in Chicago
    assert (day.close, day.nightly) == (utc("03 22:00"), utc("03 22:05"))


def test_a_day_that_closes_early_ends_its_hunts_early():
    session = session_on("MES", date(2024, 7, 3))
    assert session is not None
    assert session.early
    day = plan_of(SETTINGS, HOUR, session)

    assert day.hunts[-1] < session.close - timedelta(minutes=30)
    assert day.nightly == session.close + timedelta(minutes=5)


@given(st.sampled_from(DAYS), st.floats(60, 40_000), st.floats(0, 20_000))
def test_every_hunt_is_inside_its_session_and_before_the_last_part_of_it(session, every, quiet):
    day = plan_of(DeskSettings(no_hunt_before_close=quiet), every, session)

    assert all(session.trades_at(at) for at in day.hunts)
    assert all(at < session.close - timedelta(seconds=quiet) for at in day.hunts)
    assert list(day.hunts) == sorted(set(day.hunts))
    assert all(session.open <= at < session.close for at in day.reports)
