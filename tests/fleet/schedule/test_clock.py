"""Ticks are whole multiples of the schedule in UTC, whatever the clock on the wall shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.fleet.schedule.clock import WallClock, midnight_after, next_tick, passed
from qe_plugins.fleet.shutdown import StopRequest

EVERY = st.sampled_from([1.0, 7.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "every", "tick"),
    [
        ("2026-11-24T10:02:31+00:00", 300, "2026-11-24T10:05:00+00:00"),
        ("2026-11-24T10:05:00+00:00", 300, "2026-11-24T10:10:00+00:00"),
        ("2026-11-24T23:59:59+00:00", 900, "2026-11-25T00:00:00+00:00"),
        ("2026-11-24T05:02:31-05:00", 3_600, "2026-11-24T11:00:00+00:00"),
        ("2026-11-24T10:00:00+00:00", 86_400, "2026-11-25T00:00:00+00:00"),
    ],
)
def test_a_tick_is_aligned_to_the_clock(now, every, tick):
    assert next_tick(at(now), every) == at(tick)


def test_a_change_of_the_clocks_moves_no_tick():
    before = datetime(2026, 11, 1, 1, 58, tzinfo=ZoneInfo("America/Chicago"))

    assert next_tick(before, 300) - before.astimezone(UTC) == timedelta(minutes=2)


@given(MOMENTS, EVERY)
def test_the_next_tick_is_the_first_one_after(now, every):
    tick = next_tick(now, every)

    assert now < tick <= now + timedelta(seconds=every)
    assert tick.timestamp() % every == 0
    assert passed(now, tick, every) == 1
    assert passed(now, tick - timedelta(microseconds=1), every) == 0


@given(MOMENTS, st.integers(0, 50), EVERY)
def test_every_tick_that_went_by_is_counted(now, count, every):
    tick = next_tick(now, every)

    assert passed(tick, tick + timedelta(seconds=count * every), every) == count


def test_a_day_ends_at_midnight_of_utc():
    assert midnight_after(at("2026-11-24T20:00:00-05:00")) == at("2026-11-26T00:00:00+00:00")


def test_a_clock_that_is_told_to_stop_waits_no_longer():
    stop, clock = StopRequest(), WallClock()

    assert clock.wait(clock.now(), stop)
    stop.request()
    assert not clock.wait(clock.now() + timedelta(hours=9), stop)
