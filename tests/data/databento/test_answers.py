"""An invalid response of the vendor is reported in one line, and nothing is bought twice."""

from __future__ import annotations

import pytest

ODD = [b"null", b"text", b'"text"', b"NaN", b"-1", b"[]", b"{}", b"<html>busy</html>", b"", b"\xff"]
FREE = [
    "metadata.get_record_count",
    "metadata.get_billable_size",
    "metadata.get_cost",
    "metadata.get_dataset_condition",
    "symbology.resolve",
]
BATCH = ["batch.get_job_details", "batch.list_files"]


def one_line(failed) -> bool:
    """Say whether a run ended with one error, whatever its progress bars look like."""
    said = [line for line in failed.err.splitlines() if line.startswith("error: ")]
    return failed.code == 2 and len(said) == 1 and "Traceback" not in failed.err


@pytest.mark.parametrize("endpoint", FREE)
def test_an_answer_that_is_none_is_said(qe, request_file, gateway, sleeps, endpoint):
    for body in ODD:
        if endpoint.endswith("condition") and body in (b"[]", b"{}"):
            continue
        gateway.faults.waiting.clear()
        gateway.fault(endpoint, status=200, body=body, times=100)
        failed = qe("data", "estimate", request_file("[ESZ3]" if "meta" in endpoint else "front"))
        assert one_line(failed), (body, failed)
    assert not gateway.ledger.streams()


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_an_error_without_a_document_is_said(qe, request_file, gateway, sleeps, status):
    for body in ODD:
        gateway.faults.waiting.clear()
        gateway.fault("timeseries.get_range", status=status, body=body, times=100)
        failed = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")
        assert one_line(failed), (body, failed)
    assert not gateway.ledger.streams()


@pytest.mark.parametrize("endpoint", BATCH)
def test_a_batch_answer_that_is_none_is_said_and_the_job_is_bought_once(
    qe, request_file, gateway, sleeps, endpoint
):
    config = request_file("[ESZ3]")
    config.write_text(f"{config.read_text()}  batch_threshold: 0\n")
    for body in (*ODD, b'{"state": "thinking"}', b'[{"filename": "../x.dbn.zst"}]'):
        gateway.faults.waiting.clear()
        gateway.fault(endpoint, status=200, body=body, times=100)
        failed = qe("data", "get", config, "--max-cost", "1")
        assert one_line(failed), (body, failed)
    gateway.faults.waiting.clear()

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    billed = [one for one in gateway.ledger.of("batch.submit_job") if one.bytes]
    assert len(billed) == 1


@pytest.mark.parametrize("body", [b"null", b"<html>busy</html>", b'{"id": "../../x"}'])
def test_a_job_whose_answer_was_lost_is_found_among_the_jobs(
    qe, request_file, gateway, sleeps, body
):
    config = request_file("[ESZ3]")
    config.write_text(f"{config.read_text()}  batch_threshold: 0\n")
    gateway.fault("batch.submit_job", status=200, body=body)

    assert one_line(qe("data", "get", config, "--max-cost", "1"))
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.jobs.jobs) == 1


@pytest.mark.parametrize(
    "after", ["3", "Thu, 01 Jan 2026 00:00:00 GMT", "soon", "-5", "1e400", "٣"]
)
def test_a_job_waits_as_it_is_told_by_number_or_date(qe, request_file, gateway, sleeps, after):
    config = request_file("[ESZ3]")
    config.write_text(f"{config.read_text()}  batch_threshold: 0\n")
    gateway.fault(
        "batch.file", status=429, headers={"Retry-After": after.encode().decode("latin1")}
    )

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(sleeps) == 1
