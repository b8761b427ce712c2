"""What a dead process left in doubt: its scan is finished all the same, or says why not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from decimal import Decimal

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.errors import FleetError, ModelError
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import KEYS, ONE_VENDOR, WORKERS, fleet_on, open_calls, vendor

PICODOLLARS = 10**12


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def no_room_in(limit):
    """Return whether a day of so many dollars cannot reserve another call like the open ones.

    Smaller ones may still fit: a scan that has sent none for a second has found none that does.
    """
    known, since = None, 0.0

    def full():
        nonlocal known, since
        spent, reserved = spending().get("day", (0, 0))
        calls = open_calls()
        if known != (spent, reserved, calls):
            known, since = (spent, reserved, calls), time.monotonic()
        left = Decimal(limit) * PICODOLLARS - spent - reserved
        return calls > 0 and left < reserved / calls and time.monotonic() > since + 1

    return full


def until(met):
    """Wait until a condition holds, at most five minutes."""
    end = time.monotonic() + 300
    while not met():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


def killed(server, file, calls, once=lambda: True):
    """Kill a scan once so many calls are paid, and return how many were in flight."""
    begun = lifecycle.begin(load(file))
    if not (process := os.fork()):  # a new interpreter would take longer than the scan
        with contextlib.suppress(BaseException):
            lifecycle.run(begun)
        os._exit(0)
    server.wait_for(calls)
    until(once)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return open_calls()


def said(*arguments):
    return CliRunner().invoke(cli, ["fleet", *map(str, arguments)], catch_exceptions=False)


def spending():
    """Return what each kind of scope has spent and reserved."""
    with Ledger() as ledger, ledger._file.reading() as cursor:
        rows = cursor.execute("SELECT scope, spent, reserved FROM spending").fetchall()
    return {scope.partition(":")[0]: (spent, reserved) for scope, spent, reserved in rows}


def test_a_scan_is_finished_whatever_its_first_process_left_in_doubt(tmp_path):
    budgets = {"scan": "0.05 USD", "ranks": {"worker": "0.05 USD"}, "day": "9 USD"}
    with vendor(tmp_path, latency=1.0) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR, budgets=budgets)
        in_flight = killed(server, file, 10)
        resumed = said("resume", "--json")
        result = json.loads(resumed.stdout)
        usd = server.usd

    assert in_flight > 0
    assert resumed.exit_code == 0
    assert result["coverage"] == 1.0
    assert result["in_doubt"] > 0
    assert Decimal(str(result["usd"] + result["in_doubt"])) >= usd
    assert spending()["scan"][1] == spending()["rank"][1] == spending()["day"][1] == 0
    assert spending()["day"][0] > spending()["scan"][0]  # the day pays for what is in doubt
    row = next(row for row in json.loads(said("scans", "--json").stdout))
    [cost] = json.loads(said("costs", "--json").stdout)
    assert row["usd"] == cost["usd"] == result["usd"]
    assert row["paid"] == result["calls_paid"]
    assert cost["in_doubt"] == result["in_doubt"]
    assert open_calls() == 0


@pytest.mark.long
def test_a_scan_that_no_money_can_finish_says_so_and_a_person_settles(tmp_path):
    """The day's limit counts what is in doubt: until it is settled nothing can be asked."""
    with vendor(tmp_path, stalled=0.6, first_only=True) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR, budgets={"day": "0.012 USD"})
        assert killed(server, file, 5, no_room_in("0.012")) > 0
        with pytest.raises(
            FleetError, match=r"cannot be finished: .* are left of the day's 0\.012"
        ):
            said("resume")
        assert store.find("last")[1].result() is None
        scan_id = store.find("last")[0]
        settled = said("settle", scan_id, "--as", "nothing")
        assert "in doubt settled at $0.0000" in settled.stdout
        sent = len(server.sent)
        result = json.loads(said("resume", "--json").stdout)

        assert result["coverage"] > 0
        assert len(server.sent) > sent


@pytest.mark.parametrize("how", ["worst", "nothing"])
def test_settling_moves_the_money_of_every_scope(how, tmp_path):
    with vendor(tmp_path, latency=1.0) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR, budgets={"day": "9 USD"})
        killed(server, file, 5)
        before = spending()["scan"]
        said("settle", "last", "--as", how)

    for kind in ("day", "scan", "rank"):
        spent, reserved = spending()[kind]
        assert reserved == 0
        assert spent == before[0] + (before[1] if how == "worst" else 0)
    [cost] = json.loads(said("costs", "--json").stdout)
    assert (cost["open"], cost["in_doubt"]) == (0, 0)


def test_a_scan_that_runs_is_not_settled_under_it(small):
    begun = lifecycle.begin(small())

    with begun.folder.exclusive(), pytest.raises(FleetError, match="is running"):
        said("settle", begun.scan_id, "--as", "worst")


def test_a_scan_that_workers_of_a_cluster_ask_for_is_not_settled_either(small):
    begun = lifecycle.begin(small())
    working = begun.folder.worker_lock()

    with pytest.raises(FleetError, match=rf"workers of a cluster, {os.getpid()}@.* in flight"):
        said("settle", begun.scan_id, "--as", "worst")
    working.release()

    assert said("settle", begun.scan_id, "--as", "worst").exit_code == 0


def test_a_worker_begins_once_a_scan_is_settled(small):
    folder = lifecycle.begin(small()).folder
    working = []
    with folder.exclusive():
        joining = threading.Thread(target=lambda: working.append(folder.worker_lock()))
        joining.start()
        assert folder.workers() == []
    joining.join()

    assert len(folder.workers()) == 1
    working[0].release()
    assert folder.workers() == []


def test_a_wrong_key_ends_a_scan_in_one_line(tmp_path):
    with vendor(tmp_path, key="another") as server:
        file = fleet_on(server, tmp_path, calls={"concurrency": 100})
        with pytest.raises(ModelError) as told:
            said("scan", file)
        calls = json.loads(said("costs", "--json").stdout)[0]["calls"]

    assert str(told.value).startswith(
        "provider deepseek: deepseek-flash answers no call: HTTP 401: Authentication fails"
    )
    assert str(told.value).endswith("Check DEEPSEEK_API_KEY.")
    assert told.value.exit_code == 2
    assert calls < WORKERS
    assert store.find("last")[1].abandoned()  # with the right key it can be resumed


def test_a_scan_without_its_quorum_says_the_commonest_reason_and_fails(tmp_path):
    with vendor(tmp_path, invalid=1.0) as server:
        done = said("scan", fleet_on(server, tmp_path, ranks=ONE_VENDOR))

    assert done.exit_code == 1
    assert f"missing   {WORKERS} invalid" in done.stdout
    assert f"because   Object missing required field `confidence` ({WORKERS} of" in done.stdout or (
        "because   " in done.stdout
    )


def test_one_bad_result_hides_no_other(small):
    first = lifecycle.begin(small())
    lifecycle.run(first)
    second = lifecycle.begin(small())
    lifecycle.run(second)
    (first.folder.path / "result.json").write_text("{")
    listed = json.loads(said("scans", "--json").stdout)

    assert [row["answer"] == "cannot be read" for row in listed] == [True, False]


def test_a_resumed_scan_of_a_fleet_costs_what_all_of_it_did(tmp_path):
    with vendor(tmp_path, latency=0.5) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR)
        stop, begun = StopRequest(), lifecycle.begin(load(file))
        stopping = threading.Thread(target=lambda: (server.wait_for(30), stop.request()))
        stopping.start()
        with pytest.raises(Stopped):
            lifecycle.run(begun, stop=stop)
        stopping.join()
        result = lifecycle.run(lifecycle.reopen_unfinished("last"))

        assert (result.usd, result.in_doubt) == (server.usd, 0)
        assert result.calls_paid == len(server.paid)
        assert result.calls_replayed == 0
