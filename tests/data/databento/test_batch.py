"""Large requests are batch jobs: submitted and billed once, also after failures."""

from __future__ import annotations

import pytest

BATCH = "  batch_threshold: 0\n"


@pytest.fixture
def config(request_file):
    return request_file("[ESZ3]", more=BATCH)


def test_a_large_request_is_a_batch_job(qe, config, gateway, sleeps, home):
    gateway.jobs.polls = 3

    assert qe("data", "get", config, "--max-cost", "1").code == 0

    (entry,) = home.manifest["files"].values()
    assert entry["source"] == "batch"
    assert not gateway.ledger.of("timeseries.get_range")
    assert sleeps == [1.0, 2.0]
    assert not home.leftovers


def test_a_job_whose_answer_was_lost_is_not_submitted_again(qe, config, gateway, sleeps):
    gateway.fault("batch.submit_job", status=504)

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.jobs.jobs) == 1


def test_a_run_stopped_after_the_submission_downloads_its_job(qe, config, gateway, sleeps, home):
    gateway.fault("batch.list_files", status=403)
    assert qe("data", "get", config, "--max-cost", "1").code == 2
    assert [job["id"] for job in home.manifest["jobs"].values()] == list(gateway.jobs.jobs)

    again = qe("data", "get", config, "--max-cost", "0", "--json")

    assert again.code == 0
    assert again.json["dollars"] == 0
    assert len(gateway.jobs.jobs) == 1


def test_a_run_stopped_before_it_learned_the_id_finds_its_job(qe, config, gateway, sleeps, home):
    gateway.fault("batch.submit_job", status=500, times=100)
    gateway.fault("batch.list_jobs", status=403, times=1)
    assert qe("data", "get", config, "--max-cost", "1").code == 2
    assert len(gateway.jobs.jobs) == 1

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.jobs.jobs) == 1


def test_a_cut_download_goes_on_where_it_stopped(qe, config, gateway, sleeps):
    gateway.fault("batch.file", cut=True)

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.ledger.of("batch.file")) == 2
