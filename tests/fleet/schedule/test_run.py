"""`qe fleet run` as a process of its own: real signals, a real vendor, and the vendor's bill."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qe_plugins.fleet.scan import store
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import KEYS, WORKERS, fleet_on, open_calls, started, vendor

ASKED = WORKERS + 3 + 1 + 1  # captains, coordinator, desk; supervisors count in code
OFTEN = {"schedule": {"every": "1s"}}


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start `qe fleet run ... --json`, and see that nothing is left of it."""
    process = started("run", *arguments, "--json")
    late = threading.Timer(300, process.kill)
    late.start()
    try:
        yield process
    finally:
        late.cancel()
        if process.poll() is None:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[list[dict], str]:
    """Return what a run printed, a document a line, and what it logged; it must end in order."""
    out, log = process.communicate(timeout=300)
    assert process.returncode == 0, log
    return [json.loads(line) for line in out.splitlines()], log


def heard(process: subprocess.Popen[str], what: str) -> str:
    """Return the log up to the line that says so."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if what in line:
            break
    return "".join(lines)


@pytest.mark.long
def test_a_second_scan_of_an_unchanged_market_costs_nothing(tmp_path):
    with vendor(tmp_path) as server:
        file = fleet_on(server, tmp_path, **OFTEN)
        with running(file, "--now", "--times", 3) as process:
            rounds, _ = ended(process)
        sent = len(server.sent)

    assert sent == ASKED
    assert [one["calls_sent"] for one in rounds] == [ASKED, 0, 0]
    assert [one["usd"] for one in rounds[1:]] == [0, 0]
    assert len({one["answer_sha256"] for one in rounds}) == 1


@pytest.mark.parametrize(
    "how",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)],
    ids=lambda how: how.name,
)
def test_a_signal_lets_calls_in_flight_end_and_the_scan_goes_on_later(how, tmp_path):
    with vendor(tmp_path, latency=1.0) as server:
        file = fleet_on(server, tmp_path)
        with running(file, "--now") as process:
            server.wait_for(30)
            process.send_signal(how)
            rounds, log = ended(process)
        paid = len(server.paid)

        assert rounds == []
        assert "stopped" in log
        assert open_calls() == 0
        assert paid == server.unique < ASKED
        with Ledger() as ledger:
            assert sum(row.usd for row in ledger.costs("scan")) == server.usd
        assert store.find("last")[1].abandoned()

        with running(file, "--times", 1, *("--set", "schedule.every=1s")) as process:
            rounds, log = ended(process)

        assert "was not finished: resuming it" in log
        assert [one["resumed"] for one in rounds] == [True, False]
        assert (rounds[0]["coverage"], rounds[1]["calls_sent"]) == (1.0, 0)
        assert len(server.paid) == server.unique == ASKED


def test_a_fleet_that_waits_for_its_tick_stops_at_once(tmp_path):
    with vendor(tmp_path) as server:
        file = fleet_on(server, tmp_path, schedule={"every": "1d"})
        with running(file) as process:
            heard(process, "next scan at")
            process.send_signal(signal.SIGTERM)
            assert ended(process)[0] == []
        assert server.sent == []


@pytest.mark.long
def test_with_the_days_money_used_up_nothing_is_sent_until_the_next_day(tmp_path):
    with vendor(tmp_path) as server:
        file = fleet_on(server, tmp_path, budgets={"day": "0.02 USD"}, answer_ttl="0.001s", **OFTEN)
        with running(file, "--now") as process:
            heard(process, "no scan before")
            sent = len(server.sent)
            process.send_signal(signal.SIGINT)
            rounds, _ = ended(process)
        with running(file, "--now", "--times", 1) as process:
            heard(process, "no scan before")
            process.send_signal(signal.SIGINT)
            ended(process)

        assert rounds[-1]["refused"]["day"] > 0
        assert len(server.sent) == sent
        assert 0.016 < float(server.usd) <= 0.02


def test_a_second_run_of_the_same_fleet_is_refused(tmp_path):
    with vendor(tmp_path) as server:
        file = fleet_on(server, tmp_path, schedule={"every": "1d"})
        with running(file) as first:
            heard(first, "next scan at")
            with running(file) as second:
                out, log = second.communicate(timeout=300)
            first.send_signal(signal.SIGINT)
            ended(first)

    assert (second.returncode, out) == (2, "")
    assert "error: fleet small: runs already, in another process. Stop that one first" in log


def test_a_run_without_a_key_is_refused_before_its_first_tick(tmp_path, monkeypatch):
    monkeypatch.setitem(KEYS, "DEEPSEEK_API_KEY", "")
    with vendor(tmp_path) as server, running(fleet_on(server, tmp_path)) as process:
        _, log = process.communicate(timeout=300)

    assert process.returncode == 2
    assert "DEEPSEEK_API_KEY: is not set" in log


@pytest.mark.long
def test_a_single_scan_that_is_interrupted_says_how_it_goes_on(tmp_path):
    with vendor(tmp_path, latency=1.0) as server:
        process = started("scan", fleet_on(server, tmp_path))
        server.wait_for(30)
        process.send_signal(signal.SIGINT)
        out, log = process.communicate(timeout=300)
        scan_id = store.find("last")[0]

        assert (process.returncode, out) == (130, "")
        assert re.search(r"stopping once \d+ calls in flight have ended", log)
        assert f"stopped: `uv run qe fleet resume {scan_id}` continues it" in log
        assert open_calls() == 0
        resumed = started("resume", scan_id, "--json")
        out, log = resumed.communicate(timeout=300)
        assert json.loads(out)["coverage"] == 1.0
        assert len(server.paid) == server.unique == ASKED
