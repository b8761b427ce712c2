"""A stop signal ends a backtest in seconds, with exit code 130 and without a result."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.journal.store import Journal
from tests.command import ROOT, figures

QUICK = ("configs/backtest/quickstart.yaml", "--set", "data.synthetic.sessions=20")
SOON = 10.0
"""Seconds from the signal to the end of the process, on a loaded machine; on an idle one, one."""


@pytest.fixture(scope="module")
def began() -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts a backtest in a process of its own."""

    def start(*more: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "qe_plugins.cli", "backtest", *QUICK, *map(str, more)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def stopped(process: subprocess.Popen[str], number: int, after: float) -> str | None:
    """Signal a process and return what it said; None where it had ended before."""
    time.sleep(after)
    at = time.monotonic()
    if process.poll() is not None:
        process.communicate()
        return None
    process.send_signal(number)
    said, errors = process.communicate(timeout=30)
    took = time.monotonic() - at
    ended = process.returncode == -number and said  # while the interpreter was being finalized
    if process.returncode == 0 or ended:  # the signal came when the result was in place already
        return None
    assert (process.returncode, said) == (130, ""), errors
    assert took < SOON, f"took {took:.2f} s"
    return errors


def left() -> list[str]:
    """Return what lies among the runs and what is half made in the cache."""
    runs = state_dir.runs_dir()
    half = [path for path in state_dir.cache_dir().rglob("*.*/") if path.is_dir()]
    names = [entry.name for entry in runs.iterdir()] if runs.is_dir() else []
    with Journal.open() as journal:
        return [*names, *map(str, half), *(run.run_id for run in journal.runs())]


@pytest.mark.long
@pytest.mark.parametrize("moments", [20])
def test_random_moments(began: Callable, moments: int, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    start = time.monotonic()
    whole = figures(*QUICK, "--out", tmp_path / "whole")
    takes = time.monotonic() - start
    before = left()
    hits = 0
    for turn in range(moments):
        number = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        errors = stopped(began(), number, dice.uniform(0.3, 0.9 * takes))
        if errors is None:
            break  # the machine is faster than before: what is left is a result
        hits += 1
        assert errors.splitlines()[-1] == "interrupted: the run left no result"
        assert left() == before
    assert hits
    again = figures(*QUICK, "--out", tmp_path / "again")
    assert again["fills_sha256"] == whole["fills_sha256"]
    assert again["journal_sha256"] == whole["journal_sha256"]


def test_while_data_is_generated_nothing_half_made_stays(began: Callable) -> None:
    process = began("--set", "data.synthetic={sessions: 400, contracts: 8}")
    limit = time.monotonic() + 60
    while not list(state_dir.cache_dir().rglob("*.*/")) and time.monotonic() < limit:
        time.sleep(0.01)
    assert stopped(process, signal.SIGINT, 0.0) is not None
    assert left() == []
