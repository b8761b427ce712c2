"""Spawned processes: every job is answered, whatever happens to the process of another."""

from __future__ import annotations

import pytest

from qe_plugins.cluster import processes as pool
from qe_plugins.cluster.processes import WorkerDied, run_jobs
from tests.research import jobs


def ignore(_: int) -> None:
    """Ignore the start of a job."""


def test_every_job_is_answered() -> None:
    assert dict(run_jobs(jobs.square, range(4), 2, ignore)) == {0: 0, 1: 1, 2: 4, 3: 9}


def test_a_process_that_dies_costs_one_job() -> None:
    answers = dict(run_jobs(jobs.dies_of_thirteen, [1, 13, 2, 3], 1, ignore))
    assert answers == {0: 1, 1: WorkerDied("its process died, exit code 7"), 2: 2, 3: 3}


def test_a_process_is_replaced_after_its_number_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "JOBS_PER_PROCESS", 2)
    processes = [answer for _, answer in run_jobs(jobs.process, range(4), 1, ignore)]
    assert processes[0] == processes[1] != processes[2] == processes[3]


def test_no_process_outlives_its_pool() -> None:
    answers = run_jobs(jobs.waits_for_ever, [0, 1], 2, ignore)
    assert next(answers) == (0, 0)
    answers.close()  # type: ignore[attr-defined]
    assert list(run_jobs(jobs.square, [], 2, ignore)) == []
