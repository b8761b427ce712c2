"""While trading is halted the fleet scans nothing, says so, and goes on after the resume."""

from __future__ import annotations

import threading

import pytest

from qe_plugins.errors import Halted
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.schedule.scheduler import Scheduler
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import KEYS, WORKERS, fleet_on, open_calls, started, vendor
from tests.fleet.schedule.test_scheduler import FIVE, Scans, SteppedClock

ASKED = WORKERS + 3 + 1 + 1


def halt() -> None:
    HaltLatch.at_home().set("news", "person", by="ann")


def test_a_scan_is_refused_before_its_folder_is_made(small):
    halt()

    with pytest.raises(Halted, match="by ann: news"):
        lifecycle.begin(small())

    assert store.scans() == []


def test_an_unfinished_scan_is_not_resumed_and_a_replay_is_allowed(small):
    begun = lifecycle.begin(small())
    done = lifecycle.run(begun)
    left = lifecycle.begin(small())
    halt()

    with pytest.raises(Halted):
        lifecycle.run(left)
    assert lifecycle.run(lifecycle.reopen(begun.scan_id), replay=True).answer_sha256 == (
        done.answer_sha256
    )


def test_ticks_are_skipped_while_halted_and_the_next_one_is_scanned(small, caplog):
    clock = SteppedClock(3)
    halt()
    scheduler = Scheduler(small(**FIVE), Scans(clock), StopRequest(), clock=clock)
    resumes = clock.wait

    def wait(until, stop):
        if len(clock.waited) == 2:
            HaltLatch.at_home().clear()
        return resumes(until, stop)

    clock.wait = wait
    made = list(scheduler.scans())

    assert [f"{one.tick:%H:%M}" for one in made] == ["10:15"]
    assert scheduler.skipped == 2
    assert "nothing is scanned: halted since" in caplog.text


def test_a_skipped_tick_counts_among_those_asked_for(small):
    clock = SteppedClock(9)
    halt()
    scheduler = Scheduler(small(**FIVE), Scans(clock), StopRequest(), clock=clock)

    assert list(scheduler.scans(2)) == []
    assert scheduler.skipped == 2


def test_a_scan_that_is_halted_is_no_failure_and_is_resumed_afterwards(small, caplog):
    clock = SteppedClock(2)
    scans = Scans(clock)
    scans.fails = {1: Halted("halted.")}
    made = list(Scheduler(small(**FIVE), scans, StopRequest(), clock=clock).scans())

    assert clock.waited == ["24. 10:05:00", "24. 10:10:00"]
    assert [one.resumed for one in made] == [True, False]
    assert "the scan was stopped, and can be resumed: halted." in caplog.text


def test_a_running_scan_stops_sending_ends_its_calls_and_is_resumed(tmp_path, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with vendor(tmp_path, latency=0.3) as server:
        begun = lifecycle.begin(load(fleet_on(server, tmp_path)))
        failed: list[BaseException] = []

        def run() -> None:
            try:
                lifecycle.run(begun)
            except Halted as error:
                failed.append(error)

        running = threading.Thread(target=run)
        running.start()
        server.wait_for(30)
        halt()
        running.join(60)

        assert len(failed) == 1
        assert open_calls() == 0
        sent = len(server.sent)
        assert 30 <= sent < ASKED
        HaltLatch.at_home().clear()
        result = lifecycle.run(lifecycle.reopen_unfinished("last"))

        assert result.coverage == 1.0
        assert len(server.paid) == server.unique == ASKED
        with Ledger() as ledger:
            assert sum(row.usd for row in ledger.costs("rank")) == server.usd


@pytest.mark.parametrize("command", [["scan"], ["run", "--now", "--times", 1]])
def test_the_commands_end_with_one_line_and_an_exit_code(command, fleet_file):
    halt()
    name, *options = command
    process = started(name, fleet_file(), *options)
    _, said = process.communicate(timeout=120)

    assert process.returncode == 2
    assert said.splitlines() == [said.strip()]
    assert said.startswith("error: halted since ")
    assert "resume REASON" in said
