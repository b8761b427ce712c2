"""Sessions that are killed at any moment, and two processes that write at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from qe_plugins.journal.facts import RunState
from qe_plugins.journal.store import Journal, content_hash
from tests.command import ROOT
from tests.journal.appending import numbered
from tests.journal.facts import STARTED, fact, small_run


def appending(run_id: str, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.journal.appending", run_id, str(last)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    assert process.stdout is not None
    return (line.split() for line in process.stdout)


def killed(run_id: str, rng: random.Random) -> int:
    """Start a session, kill it some time after a few appends, and return the last one it made."""
    with appending(run_id, 1_000_000) as process:
        printed = lines(process)
        for _ in range(rng.randint(1, 20)):
            last = int(next(printed)[0])
        time.sleep(rng.random() * 0.005)  # the moment of death is anywhere in an append
        process.send_signal(signal.SIGKILL)
        return max([last, *(int(number) for number, _ in printed)])


def kill_often(seed: int, kills: int) -> None:
    rng = random.Random(seed)
    with Journal.open() as journal:
        journal.write_run("r0", "small", STARTED, small_run())
        for _ in range(kills):
            last = killed("r1", rng)
            [run] = journal.open_runs()
            assert run.state is RunState.DIED
            assert run.facts >= last + 1
            assert journal.verify() == []
        with appending("r1", run.facts + 5) as process:
            *_, (_, content) = lines(process)

        expected = [numbered(number) for number in range(run.facts + 6)]
        assert journal.facts("r1") == expected
        assert content == content_hash(expected)
        assert [run.run_id for run in journal.runs()] == ["r0", "r1"]
        assert journal.verify() == []


def test_a_session_killed_at_any_moment_loses_no_fact_and_goes_on(database):
    kill_often(seed=random.randrange(2**32), kills=2)


@pytest.mark.long
def test_a_session_killed_thirty_times_loses_no_fact(database):
    kill_often(seed=random.randrange(2**32), kills=30)


def test_a_session_appends_while_backtests_write_their_runs(database):
    facts = [fact(f"vote:{n}", reason="a breakout", confidence=n / 7) for n in range(5_000)]
    with Journal.open() as journal, appending("r1", 60) as process:
        printed = lines(process)
        next(printed)
        written = 0
        while process.poll() is None:
            journal.write_run(f"backtest-{written}", "big", STARTED, facts)
            written += 1
        *appends, (_, content) = printed

        assert process.returncode == 0
        assert content == content_hash([numbered(number) for number in range(61)])
        assert len(journal.runs()) == written + 1
        assert max(float(seconds) for _, seconds in appends) < 2.0
        assert journal.verify() == []
