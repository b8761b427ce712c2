"""Timers of a replayed session fire in order, at their own times, between the records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qe_plugins.engine.live.tape_timers import SECOND, TapeClock, TapeTimers
from qe_plugins.errors import RunError

START = 1_704_150_000 * SECOND


class EngineClock:
    """A clock that stands where it is set to."""

    def __init__(self) -> None:
        self.now = START

    def timestamp_ns(self) -> int:
        """Return the time it was set to."""
        return self.now

    def set(self, ts: int) -> None:
        """Set the time."""
        self.now = ts


class Component:
    """A component that notes its timers' names and times."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def on_time_event(self, event: Any) -> None:
        self.seen.append((event.name, (event.ts_event - START) // SECOND))


@pytest.fixture
def engine() -> EngineClock:
    return EngineClock()


@pytest.fixture
def timers(engine: EngineClock) -> TapeTimers:
    return TapeTimers(engine.set)


@pytest.fixture
def component() -> Component:
    return Component()


@pytest.fixture
def clock(timers: TapeTimers, component: Component, engine: EngineClock) -> TapeClock:
    return timers.clock(component, engine)


@pytest.fixture
def run_to(timers: TapeTimers) -> Callable[[int], None]:
    """Return a function that fires what is due up to some seconds, as a session does."""

    def run(seconds: int) -> None:
        while (at := timers.next()) is not None and at <= START + seconds * SECOND:
            timers.fire(at)

    return run


def test_an_alert_fires_once_at_its_time(
    clock: TapeClock, component: Component, run_to: Callable[[int], None], engine: EngineClock
) -> None:
    clock.set_time_alert_ns("open", START + 5 * SECOND)
    run_to(100)
    assert component.seen == [("open", 5)]
    assert engine.now == START + 5 * SECOND
    assert clock.timer_count() == 0


def test_a_timer_fires_until_its_end(
    clock: TapeClock, component: Component, run_to: Callable[[int], None]
) -> None:
    end = datetime.fromtimestamp(START // SECOND + 30, UTC)
    clock.set_timer("beat", timedelta(seconds=10), stop_time=end)
    run_to(100)
    assert component.seen == [("beat", 10), ("beat", 20), ("beat", 30)]


def test_timers_of_all_components_fire_in_the_order_of_time(
    timers: TapeTimers, engine: EngineClock, run_to: Callable[[int], None]
) -> None:
    seen: list[str] = []
    first, second = (timers.clock(Component(), engine) for _ in range(2))
    first.set_time_alert_ns("late", START + 9 * SECOND, lambda event: seen.append(event.name))
    second.set_time_alert_ns("early", START + 3 * SECOND, lambda event: seen.append(event.name))
    second.set_time_alert_ns("tie", START + 9 * SECOND, lambda event: seen.append(event.name))
    run_to(10)
    assert seen == ["early", "late", "tie"]


def test_a_timer_that_a_callback_cancels_does_not_fire(
    clock: TapeClock, component: Component, run_to: Callable[[int], None]
) -> None:
    clock.set_time_alert_ns("first", START + SECOND, lambda _: clock.cancel_timer("second"))
    clock.set_time_alert_ns("second", START + SECOND)
    run_to(10)
    assert component.seen == []


def test_an_alert_in_the_past_fires_at_once(
    clock: TapeClock, component: Component, run_to: Callable[[int], None]
) -> None:
    clock.set_time_alert_ns("late", START - SECOND)
    run_to(0)
    assert component.seen == [("late", 0)]


def test_an_alert_in_the_past_is_refused_where_it_must_not_be(clock: TapeClock) -> None:
    with pytest.raises(ValueError, match="in the past"):
        clock.set_time_alert_ns("late", START - SECOND, allow_past=False)


def test_a_timer_by_a_calendar_is_refused(clock: TapeClock) -> None:
    with pytest.raises(RunError, match="calendar"):
        clock.set_timer_zoned("day", "1d")
