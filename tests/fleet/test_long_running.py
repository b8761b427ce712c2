"""What runs for weeks: memory that does not grow, files that do not run out, children that end."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import psutil
import pytest

from qe_plugins.fleet import open_files
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.fleet.schedule.scheduler import Scheduler
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from tests.fleet.models import KEYS, ONE_VENDOR, fleet_on, vendor
from tests.fleet.schedule.test_scheduler import SteppedClock

ROOT = Path(__file__).resolve().parents[2]
FREQUENT = {"schedule": {"every": "5m"}}


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_nothing_of_a_scan_is_left_when_the_next_one_begins(small, monkeypatch):
    markets: list[weakref.ref[MarketSnapshot]] = []
    made = MarketSnapshot.__init__

    def remembered(self, frame):
        made(self, frame)
        markets.append(weakref.ref(self))

    monkeypatch.setattr(MarketSnapshot, "__init__", remembered)
    gc.disable()  # whatever is freed then was held by no cycle that only the collector finds
    try:
        clock = SteppedClock(3)
        list(Scheduler(small(**FREQUENT), lifecycle.run, StopRequest(), clock=clock).scans())
    finally:
        gc.enable()

    assert len(markets) == 3
    assert [one() for one in markets[:-1]] == [None, None]


@pytest.mark.parametrize("scans", [15, pytest.param(300, marks=pytest.mark.long)])
def test_memory_is_flat_over_scheduled_scans(scans, small):
    clock, seen = SteppedClock(scans), []
    fleet = small(**FREQUENT, answer_ttl="1ms")
    for _ in Scheduler(fleet, lifecycle.run, StopRequest(), clock=clock).scans():
        seen.append(resident())
    print(f"{scans} scans: {seen[9] / 2**20:.0f} MiB after ten, {seen[-1] / 2**20:.0f} at the end")

    assert seen[-1] <= 1.1 * seen[9]


LIMITED = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from qe_plugins.fleet.open_files import fit_concurrency
n = fit_concurrency(2_000, [2_500, 50])
print(n, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def fitted(soft: int, hard: int) -> tuple[int, int, str]:
    """Return the calls at once under such limits, the limit then, and what was said."""
    code = LIMITED.format(soft=soft, hard=hard)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    calls, limit = map(int, done.stdout.split())
    return calls, limit, done.stderr


def test_a_soft_limit_on_open_files_is_raised():
    calls, limit, said = fitted(256, 4_096)

    assert (calls, said) == (2_000, "")
    assert 2_050 < limit <= 4_096


@pytest.mark.parametrize("limit", [256, 1_024])
def test_under_a_hard_limit_there_are_fewer_calls_at_once_and_it_is_said(limit):
    calls, after, said = fitted(limit, limit)

    assert limit // 2 < calls < limit - open_files.SPARE
    assert after == limit
    assert f"{calls} calls at once instead of 2000. `ulimit -n` raises the limit" in said


UNDER = 'ulimit -n {limit} && exec "$0" "$@"'


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on open files there")
def test_a_tree_is_asked_whole_under_a_hard_limit_below_its_calls_at_once(tmp_path):
    scan = [sys.executable, "-m", "qe_plugins.cli", "fleet", "scan"]
    with vendor(tmp_path, latency=0.05) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR, calls={"concurrency": 100})
        done = subprocess.run(
            ["sh", "-c", UNDER.format(limit=120), *scan, str(file), "--json"],
            cwd=ROOT,
            env=os.environ | KEYS,
            capture_output=True,
            text=True,
        )
        asked = len(server.sent), server.unique

    assert done.returncode == 0, done.stderr
    assert "at most 120 files may be open here" in done.stderr
    assert "calls at once instead of 100" in done.stderr
    result = json.loads(done.stdout)
    assert (result["coverage"], result["failures"]) == (1.0, {})
    assert asked == (result["calls_sent"], result["calls_sent"])


PARENT = """
import sys, time
sys.path.insert(0, ".")
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from qe_plugins.fleet.tasks.snapshot_process import _start_as_child
from qe_plugins.cluster.processes import Worker
import os

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_start_as_child)
    worker = Worker(time.sleep)
    worker.send(0, 600)
    print(pool.submit(os.getpid).result(), worker._process.pid, flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_children_end_with_their_parent(how, tmp_path):
    file = tmp_path / "parent.py"
    file.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.send_signal(how)
        parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)

    assert (len(gone), alive) == (2, [])


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a b", "é#[z]", "a&b=c"])
def test_a_home_of_any_name_holds_all_that_is_written(name, tmp_path, monkeypatch, small):
    from qe_plugins.journal.store import Journal

    home = tmp_path / name
    monkeypatch.setenv("QE_HOME", str(home))
    before = {one.name for one in tmp_path.iterdir()}
    loaded = small()
    lifecycle.run(lifecycle.begin(loaded))
    lifecycle.run(lifecycle.reopen("last"), replay=True)
    with Journal.open() as journal:
        journal.runs()

    assert (home / "journal.sqlite").is_file()
    assert (home / "ledger.sqlite").is_file()
    assert {one.name for one in tmp_path.iterdir()} - before <= {name, "fleet.yaml"}


def test_a_scan_that_fails_in_a_way_of_its_own_does_not_end_the_run(small, caplog):
    clock = SteppedClock(3)
    failures = iter([ZeroDivisionError("no such average"), None, None, None])

    def run(scan):
        if (failure := next(failures, None)) is not None:
            raise failure
        return lifecycle.run(scan)

    made = list(Scheduler(small(**FREQUENT), run, StopRequest(), clock=clock).scans())

    assert "SCAN FAILED, 1 in a row: ZeroDivisionError: no such average" in caplog.text
    assert len(made) >= 2
