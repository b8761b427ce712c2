"""A fleet around the clock, with a clock of the test's own: ticks, money, failures, no doubles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from qe_plugins.errors import DataError, FleetError, ModelError
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.schedule.scheduler import Scheduler
from qe_plugins.fleet.shutdown import Stopped, StopRequest

START = datetime(2026, 11, 24, 10, 2, 31, tzinfo=UTC)
FIVE = {"schedule": {"every": "5m"}}


class SteppedClock:
    """Stands still but when it is waited with; after `ticks` it is told to stop."""

    def __init__(self, ticks: int, at: datetime = START) -> None:
        self.at, self.left = at, ticks
        self.waited: list[str] = []

    def now(self) -> datetime:
        return self.at

    def wait(self, until: datetime, stop: StopRequest) -> bool:
        if not self.left:
            stop.request()
            return False
        self.left -= 1
        self.at = max(self.at, until)
        self.waited.append(f"{until:%d. %H:%M:%S}")
        return True


class Scans:
    """Runs scans on the rules; `takes` is how long each takes, `fails` what it raises instead."""

    def __init__(self, clock: SteppedClock, takes: timedelta = timedelta(0)) -> None:
        self.clock, self.takes = clock, takes
        self.fails: dict[int, Exception] = {}
        self.broke: set[int] = set()
        self.run_ids: list[str] = []

    def __call__(self, scan):
        self.run_ids.append(scan.scan_id)
        number = len(self.run_ids)
        self.clock.at += self.takes
        if number in self.fails:
            raise self.fails[number]
        result = lifecycle.run(scan)
        if number in self.broke:
            result = msgspec.structs.replace(result, refused={"day": 7})
            scan.folder.finish(result, [])
        return result


def scheduler(small, clock, scans, **changes):
    return Scheduler(small(**FIVE | changes), scans, StopRequest(), clock=clock)


def test_a_scan_is_made_at_each_tick(small):
    clock = SteppedClock(3)
    made = list(scheduler(small, clock, Scans(clock)).scans())

    assert clock.waited == ["24. 10:05:00", "24. 10:10:00", "24. 10:15:00"]
    assert [f"{one.tick:%H:%M}" for one in made] == ["10:05", "10:10", "10:15"]
    assert {one.missed for one in made} == {0}
    assert len(store.scans()) == 3


def test_as_many_scans_are_made_as_are_asked_for_and_the_first_may_be_at_once(small):
    clock = SteppedClock(9)
    made = list(scheduler(small, clock, Scans(clock)).scans(2, at_once=True))

    assert [f"{one.tick:%H:%M:%S}" for one in made] == ["10:02:31", "10:05:00"]


def test_a_tick_that_passes_while_a_scan_runs_is_missed_and_not_queued(small, caplog):
    clock = SteppedClock(2)
    made = list(scheduler(small, clock, Scans(clock, timedelta(minutes=12))).scans())

    assert clock.waited == ["24. 10:05:00", "24. 10:20:00"]
    assert [one.missed for one in made] == [2, 2]
    assert "2 ticks missed" in caplog.text


def test_an_unchanged_market_is_asked_nothing_twice(small):
    clock = SteppedClock(3)
    first, *rest = scheduler(small, clock, Scans(clock)).scans()

    assert first.result.calls_sent == 16
    assert [one.result.calls_sent for one in rest] == [0, 0]
    assert {one.result.answer_sha256 for one in rest} == {first.result.answer_sha256}


def test_a_scan_that_was_left_unfinished_is_finished_before_anything_else(small):
    left = lifecycle.begin(small(**FIVE))
    clock = SteppedClock(1)
    made = list(scheduler(small, clock, Scans(clock)).scans())

    assert [(one.resumed, f"{one.tick:%H:%M:%S}") for one in made] == [
        (True, "10:02:31"),
        (False, "10:05:00"),
    ]
    assert made[0].result.scan_id == left.scan_id
    assert store.find(left.scan_id)[1].result() is not None


def test_a_scan_about_a_market_that_is_gone_is_not_resumed(small, caplog):
    lifecycle.begin(small(**FIVE))
    clock = SteppedClock(1, datetime.now(UTC) + timedelta(hours=2))
    made = list(scheduler(small, clock, Scans(clock), answer_ttl="1h").scans())

    assert [one.resumed for one in made] == [False]
    assert "is older than an answer stays valid: not resumed" in caplog.text


def test_the_scan_of_another_fleet_or_of_a_living_process_is_left_alone(small):
    lifecycle.begin(small(name="other"))
    mine = lifecycle.begin(small(**FIVE))
    clock = SteppedClock(1)
    with mine.folder.exclusive():
        made = list(scheduler(small, clock, Scans(clock)).scans())

    assert [one.resumed for one in made] == [False]


def test_a_scan_that_fails_is_finished_at_a_later_tick_and_later_each_time(small, caplog):
    clock = SteppedClock(4)
    scans = Scans(clock)
    scans.fails = dict.fromkeys((1, 2, 3), DataError("is being written.", where="tape"))
    made = list(scheduler(small, clock, scans).scans())

    # the first fails at 10:05; at 10:15 it fails again, and a new one too; at 10:40 that one works
    assert clock.waited[:3] == ["24. 10:05:00", "24. 10:15:00", "24. 10:40:00"]
    assert caplog.text.count("SCAN FAILED") == 3
    assert "SCAN FAILED, 1 in a row: tape: is being written." in caplog.text
    assert [one.resumed for one in made] == [True, False, False]
    assert scans.run_ids[0] == scans.run_ids[1] != scans.run_ids[2] == scans.run_ids[3]


@pytest.mark.long
def test_a_pause_is_never_longer_than_an_hour_and_over_with_a_success(small):
    clock = SteppedClock(9)
    scans = Scans(clock)
    scans.fails = dict.fromkeys(range(1, 14), OSError("no space left"))
    list(scheduler(small, clock, scans).scans())
    times = [datetime.strptime(f"2026-11-{one}", "%Y-%m-%d. %H:%M:%S") for one in clock.waited]
    pauses = [(after - before).total_seconds() for before, after in pairwise(times)]

    assert max(pauses) <= 3_600 + 300
    assert pauses[-1] == 300


def test_what_does_not_pass_by_itself_ends_the_shift(small):
    clock = SteppedClock(3)
    scans = Scans(clock)
    scans.fails = {1: ModelError("was retired on 2026-11-24.", where="prices.yaml, old")}

    with pytest.raises(ModelError, match="was retired"):
        list(scheduler(small, clock, scans).scans())


def test_with_the_days_money_used_up_the_next_scan_is_after_midnight(small, caplog):
    clock = SteppedClock(4, datetime(2026, 11, 24, 23, 48, tzinfo=UTC))
    scans = Scans(clock)
    scans.broke = {1}
    made = list(scheduler(small, clock, scans, budgets={"day": "3 USD"}).scans())

    assert clock.waited == ["24. 23:50:00", "25. 00:00:00", "25. 00:05:00", "25. 00:10:00"]
    assert made[0].result.refused == {"day": 7}
    assert "the day's 3 USD are used up: no scan before 2026-11-25 00:00:00 UTC" in caplog.text


def test_a_shift_that_begins_anew_remembers_that_the_day_has_no_money(small):
    today = datetime.now(UTC)
    clock = SteppedClock(1, today)
    scans = Scans(clock)
    scans.broke = {1}
    list(scheduler(small, clock, scans).scans())
    again = SteppedClock(1, today)
    list(scheduler(small, again, Scans(again)).scans())

    midnight = (today + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert again.waited == [f"{midnight:%d. %H:%M:%S}"]


def test_a_shift_that_is_stopped_in_a_scan_ends_without_another(small):
    clock, stop = SteppedClock(9), StopRequest()

    def stopped(scan):
        stop.request()
        raise Stopped

    assert list(Scheduler(small(**FIVE), stopped, stop, clock=clock).scans()) == []
    assert len(clock.waited) == 1
    assert store.find("last")[1].abandoned()


def test_two_shifts_of_one_fleet_do_not_run_at_once(small):
    clock = SteppedClock(2)
    first = scheduler(small, clock, Scans(clock)).scans()
    next(first)

    with pytest.raises(FleetError, match="fleet small: runs already"):
        next(scheduler(small, clock, Scans(clock)).scans())
    other = SteppedClock(1)
    assert len(list(scheduler(small, other, Scans(other), name="other").scans())) == 1
    first.close()


def test_no_scan_is_run_by_two_at_once(small):
    begun = lifecycle.begin(small())

    with begun.folder.exclusive(), pytest.raises(FleetError, match="is running in another process"):
        lifecycle.run(begun)
