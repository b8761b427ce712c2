"""A process killed in the middle: nothing settled is paid again, and nothing paid is unknown."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from qe_plugins.llm.ledger import Ledger
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.spawned import ROOT, spawned
from tests.llm.asks import bill_of

CALLS, FLIGHT = 300, 40


def started(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.llm.asking_until_killed", url, str(CALLS), str(FLIGHT)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def killed_once_paid_for(url: str, paid: int, path: Path) -> None:
    with started(url) as process:
        until = time.monotonic() + 300
        while len(bill.paid(path)) < paid and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        process.kill()


@pytest.mark.long
def test_two_kills_cost_no_more_than_what_was_in_flight(tmp_path):
    kill_twice(tmp_path)


@pytest.mark.long
def test_so_it_is_with_the_ledger_on_a_server(tmp_path, database):
    kill_twice(tmp_path)


def kill_twice(tmp_path: Path) -> None:
    path = bill_of(tmp_path)
    with spawned(path, Profile(latency=0.3)) as url:
        for paid in (60, 150):
            killed_once_paid_for(url, paid, path)
        with started(url) as process:
            said, _ = process.communicate(timeout=300)
    digest, replayed = said.split()

    paid = [line.request for line in bill.paid(path)]
    assert len(set(paid)) == CALLS
    assert 0 <= len(paid) - CALLS <= 2 * FLIGHT
    assert int(replayed) > 0
    with Ledger() as ledger:
        (workers,) = ledger.costs("rank", "scan-1")
    assert workers.calls >= len(paid)
    assert workers.usd + workers.in_doubt >= bill.total(path)
    assert len(digest) == 64
