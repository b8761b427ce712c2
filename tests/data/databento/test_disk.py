"""A full disk causes no second charge, and an interruption ends the run."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple

import pytest

from tests.data.databento.conftest import start_qe, until
from tests.fakes.databento_server.faults import Stall

STREAM = "timeseries.get_range"
Usage = namedtuple("Usage", "total used free")


def test_without_room_nothing_is_bought(qe, request_file, gateway, home, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9 - 5_000, 5_000))

    refused = qe("data", "get", request_file(), "--max-cost", "1")

    assert refused.code == 2
    assert "5,000 bytes free" in refused.err
    assert not gateway.ledger.streams()


def test_a_disk_that_fills_while_a_stream_comes_is_no_reason_to_buy_it_again(
    request_file, gateway, home
):
    limited = "import resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, (3000, 3000)); " + (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from qe_plugins.cli import main; sys.argv[0] = 'qe'; main()"
    )
    command = [
        sys.executable,
        "-B",  # the limit would cut short the bytecode of every module that is compiled under it
        "-c",
        limited,
        "data",
        "get",
        request_file("[ESZ3]"),
        "--max-cost",
        "1",
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "is full; nothing is bought again for it" in done.stderr
    assert len(gateway.ledger.streams()) == 1
    assert [one["outcome"] for one in home.manifest["receipts"]] in (["cut"], ["open"])
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 3_000


@pytest.fixture
def small_disk(home):
    """Mount a file system of 128 KiB as the data folder, and return a function that enlarges it."""
    folder = home.folder.parent
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a system's administrator can mount a file system")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [112, 120, 124])
def test_a_disk_that_is_smaller_than_it_seemed_costs_no_file_twice(
    qe, request_file, gateway, home, small_disk, monkeypatch, kilobytes
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 0, 10**9))
    config = request_file("[ESZ3, ESH4]")
    ballast = home.folder.parent / "ballast"
    ballast.write_bytes(bytes(kilobytes * 1024))

    refused = qe("data", "get", config, "--max-cost", "5")

    assert refused.code == 2
    assert "is full" in refused.err
    small_disk()
    finished = qe("data", "get", config, "--max-cost", "5")
    assert finished.code == 0
    assert qe("data", "verify").code == 0
    served = Counter(one["path"] for one in home.manifest["receipts"] if one["outcome"] == "whole")
    assert all(times == 1 for times in served.values())


@pytest.mark.parametrize("after", range(4))
def test_a_manifest_that_cannot_be_written_buys_nothing_twice(
    qe, request_file, gateway, home, monkeypatch, after
):
    from qe_plugins.data.databento import manifest

    written, whole = [], manifest._replace_whole

    def write(path, content):
        written.append(path)
        if len(written) == after + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, content)

    monkeypatch.setattr(manifest, "_replace_whole", write)
    first = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")
    assert len(gateway.ledger.streams()) <= 1
    second = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")

    assert first.code in (0, 2)
    assert "Traceback" not in first.err
    assert second.code == 0
    assert set(gateway.ledger.times_sold().values()) == {1}


def test_a_file_with_another_count_is_kept_aside_and_not_bought_again(
    qe, request_file, gateway, sleeps, home
):
    gateway.fault(STREAM, short=True)
    config = request_file("[ESZ3]")

    first = qe("data", "get", config, "--max-cost", "1")
    second = qe("data", "get", config, "--max-cost", "1")

    (name,) = home.manifest["aside"]
    assert (first.code, len(gateway.ledger.streams())) == (2, 1)
    assert (home.folder / home.manifest["aside"][name]["kept"]).exists()
    assert "648 rows, and Databento counts 649" in first.err
    assert f"{name} is kept aside" in second.out
    assert qe("data", "remove", name).code == 0
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.ledger.streams()) == 2


@pytest.mark.long
def test_a_stop_ends_a_stream_that_stands_still(request_file, gateway, home):
    stalled = gateway.fault(STREAM, stall=Stall()).stall
    process = start_qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")
    assert stalled.reached.wait(60)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=25)
    stalled.release()

    assert process.returncode == 130
    assert time.monotonic() - began < 20
    assert "were cut, and may be billed" in said
    assert [one["outcome"] for one in home.manifest["receipts"]] == ["open"]


@pytest.mark.long
def test_a_second_stop_waits_for_nothing(request_file, gateway, home):
    stalled = gateway.fault(STREAM, stall=Stall()).stall
    process = start_qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")
    assert stalled.reached.wait(60)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(1)
    process.communicate(timeout=10)
    stalled.release()

    assert process.returncode == 130


@pytest.mark.long
def test_a_stop_ends_the_wait_for_a_job_which_is_bought_once(qe, request_file, gateway, home):
    gateway.jobs.polls = 10**6
    config = request_file("[ESZ3]")
    config.write_text(f"{config.read_text()}  batch_threshold: 0\n")
    process = start_qe("data", "get", config, "--max-cost", "1")
    until(lambda: len(gateway.ledger.of("batch.get_job_details")) > 1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=25)
    for job in gateway.jobs.jobs.values():
        job.polls = 0

    assert process.returncode == 130
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert len(gateway.ledger.of("batch.submit_job")) == 1
