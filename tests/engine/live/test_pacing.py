"""A session waits for the market's time, at its speed, and skips what has no data."""

from __future__ import annotations

from qe_plugins.engine.live.pacing import SECOND, Pace

MINUTE = 60 * SECOND


class Watch:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_takes_a_second_at_sixty_times_real_time() -> None:
    watch = Watch()
    pace = Pace(60, now=watch)
    assert pace.seconds_to(0) == 0
    assert pace.seconds_to(MINUTE) == 1


def test_work_counts_as_waiting() -> None:
    watch = Watch()
    pace = Pace(60, now=watch)
    pace.seconds_to(0)
    watch.now += 0.75
    assert pace.seconds_to(MINUTE) == 0.25


def test_what_is_late_is_not_made_up_for() -> None:
    watch = Watch()
    pace = Pace(60, now=watch)
    pace.seconds_to(0)
    watch.now += 5
    assert pace.seconds_to(MINUTE) == 0
    assert pace.seconds_to(2 * MINUTE) == 1


def test_closed_hours_take_a_second_of_the_market() -> None:
    pace = Pace(1, now=Watch())
    pace.seconds_to(0)
    assert pace.seconds_to(60 * MINUTE) == 1


def test_closed_hours_take_their_time_where_nothing_is_skipped() -> None:
    pace = Pace(60, skip=False, now=Watch())
    pace.seconds_to(0)
    assert pace.seconds_to(60 * MINUTE) == 60


def test_without_a_speed_nothing_waits() -> None:
    pace = Pace(None, now=Watch())
    pace.seconds_to(0)
    assert pace.seconds_to(60 * MINUTE) == 0


def test_a_stopped_session_waits_no_longer() -> None:
    pace = Pace(1)
    pace.seconds_to(0)
    pace.stop()
    assert not pace.wait(5 * MINUTE)
