"""Jobs of micro-backtests: computed once, ended in time, and gone with their session."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qe_plugins.errors import FleetError
from qe_plugins.fleet.backtests.jobs import BacktestJobs
from qe_plugins.fleet.backtests.micro_backtest import figures
from tests.command import ROOT
from tests.fleet.backtests import works
from tests.fleet.backtests.works import asked

PATIENCE = 300.0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder in which child processes note that they ran."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_job_has_the_figures_of_its_rule_from_a_process_of_its_own():
    one = asked(0.5)
    with BacktestJobs("s-1", PATIENCE) as jobs:
        [found] = jobs.wait([jobs.start(one)])

    assert found.figures == figures(one)
    assert found.figures.trades > 1


def test_the_same_request_is_computed_once_whatever_session_asks(folder):
    for owner in ("s-1", "s-1", "s-2"):
        with BacktestJobs(owner, PATIENCE, works.counted) as jobs:
            ids = [jobs.start(asked(above)) for above in (0.1, 0.2, 0.1)]
            found = jobs.wait(ids)
        assert [one.figures.mean_r for one in found] == [0.1, 0.2, 0.1]

    assert ids[0] == ids[2] != ids[1]
    assert len((folder / "ran.txt").read_text(encoding="utf-8").split()) == 2


def test_a_job_that_does_not_end_is_killed_and_failed_for_its_own_session_alone(folder):
    with BacktestJobs("s-1", 1.0, works.stuck) as jobs:
        [late] = jobs.wait([jobs.start(asked(-1.0))])
    with BacktestJobs("s-1", PATIENCE, works.counted) as jobs:
        [again] = jobs.wait([jobs.start(asked(-1.0))])
    with BacktestJobs("s-2", PATIENCE, works.counted) as jobs:
        [other] = jobs.wait([jobs.start(asked(-1.0))])

    assert late == again
    assert (late.figures, late.why) == (None, "it was ended after 1 s")
    assert other.figures is not None


def test_a_job_whose_time_is_over_before_it_begins_starts_no_process(folder):
    with BacktestJobs("s-1", 0.0, works.counted) as jobs:
        [late] = jobs.wait([jobs.start(asked(0.5))])

    assert late.why == "it had not begun after 0 s"
    assert not (folder / "ran.txt").exists()


def test_without_an_owner_a_job_that_failed_is_tried_again(folder):
    with BacktestJobs(None, PATIENCE, works.second) as jobs:
        [failed] = jobs.wait([jobs.start(asked(0.5))])
        [again] = jobs.wait([jobs.start(asked(0.5))])

    assert failed.why == "not yet"
    assert again.figures is not None


def test_a_job_without_memory_fails_alone(folder):
    with BacktestJobs("s-1", PATIENCE, works.greedy) as jobs:
        [found] = jobs.wait([jobs.start(asked(0.5))])

    assert found.why == "too much"


def test_a_job_that_nobody_began_is_refused():
    with BacktestJobs("s-1", PATIENCE) as jobs, pytest.raises(FleetError, match="no job 'q'"):
        jobs.wait(["q"])


def test_a_session_that_ends_or_is_killed_leaves_no_process_and_no_answer(folder):
    with BacktestJobs("s-1", PATIENCE, works.stuck) as jobs:
        jobs.start(asked(-1.0))
        ended = begun(folder)
    assert gone(folder, ended)

    code = (
        "from qe_plugins.fleet.backtests.jobs import BacktestJobs\n"
        "from tests.fleet.backtests import works\n"
        f"jobs = BacktestJobs('s-1', {PATIENCE}, works.stuck)\n"
        "jobs.wait([jobs.start(works.asked(-1.0))])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment)
    child = begun(folder, but=ended)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    assert gone(folder, child)
    assert not (folder / "ran.txt").exists()
    with BacktestJobs("s-1", PATIENCE, works.counted) as jobs:
        [found] = jobs.wait([jobs.start(asked(-1.0))])
    assert found.figures is not None


def begun(folder: Path, but: int = 0) -> int:
    """Return the id of a child process that has begun a job."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = {int(one.stem) for one in folder.glob("*.lock") if is_held(one)} - {but}
        if found:
            return found.pop()
        time.sleep(0.05)
    raise AssertionError("no job has begun")


def is_held(lock: Path) -> bool:
    """Return whether a process that lives holds a lock."""
    with lock.open(encoding="utf-8") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def gone(folder: Path, process: int) -> bool:
    """Return whether a process has ended, or ends in time."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not is_held(folder / f"{process}.lock"):
            return True
        time.sleep(0.05)
    return False
