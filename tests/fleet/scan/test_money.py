"""Money, by the vendor's own bill: never twice, never past the cap, and all of it in our ledger."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import KEYS, WORKERS, fleet_on, open_calls, started, vendor

ASKED = WORKERS + 3 + 1 + 1  # captains, coordinator, desk; supervisors count in code


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def scan(file):
    return lifecycle.run(lifecycle.begin(load(file)))


def test_every_call_is_paid_once_and_every_paid_call_is_in_our_ledger(tmp_path):
    with vendor(tmp_path) as server:
        result = scan(fleet_on(server, tmp_path))
        replayed = lifecycle.run(lifecycle.reopen("last"), replay=True)

        assert (result.calls_sent, result.calls_paid) == (ASKED, ASKED)
        assert len(server.sent) == len(server.paid) == server.unique == ASKED
    assert result.usd == server.usd > 0
    assert replayed.answer_sha256 == result.answer_sha256
    with Ledger() as ledger:
        assert sum(row.usd for row in ledger.costs("rank")) == server.usd
        assert {row.group for row in ledger.costs("rank")} == {
            *("captain", "coordinator", "desk", "worker")
        }


def test_a_replay_needs_neither_the_vendor_nor_a_key(tmp_path, monkeypatch):
    with vendor(tmp_path) as server:
        result = scan(fleet_on(server, tmp_path))
    for name in KEYS:
        monkeypatch.delenv(name)

    assert (
        lifecycle.run(lifecycle.reopen("last"), replay=True).answer_sha256 == result.answer_sha256
    )


@pytest.mark.long
def test_a_scan_killed_three_times_ends_as_an_undisturbed_one_and_pays_nothing_twice(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("QE_HOME", str(tmp_path / "calm"))
    with vendor(tmp_path, "calm") as calm:
        undisturbed = scan(fleet_on(calm, tmp_path))

    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    with vendor(tmp_path, "server", latency=1.0) as server:
        command = ["scan", fleet_on(server, tmp_path), "--json"]
        in_flight = 0
        for calls in (7, 45, 80):
            process = started(*command)
            server.wait_for(calls)
            process.kill()
            process.communicate()
            in_flight += open_calls()  # each resume settles those of the process before it
            command = ["resume", "--json"]
        result = lifecycle.run(lifecycle.reopen_unfinished("last"))

        assert result.answer_sha256 == undisturbed.answer_sha256
        assert result.coverage == 1.0
        assert len(server.paid) >= server.unique == ASKED
        assert len(server.paid) - server.unique <= in_flight <= 3 * 20
    with Ledger() as ledger:
        [row] = ledger.costs("scan")
    assert row.calls >= len(server.paid)
    assert row.usd + row.in_doubt >= server.usd
    replayed = lifecycle.run(lifecycle.reopen("last"), replay=True)
    assert replayed.answer_sha256 == undisturbed.answer_sha256


def test_a_cap_stops_a_scan_just_below_it_and_the_partial_answer_says_its_coverage(tmp_path):
    with vendor(tmp_path) as server:
        result = scan(fleet_on(server, tmp_path, budgets={"scan": "0.02 USD"}))

        assert Decimal("0.016") < server.usd <= Decimal("0.02")
    assert 0.3 < result.coverage < 1
    assert set(result.failures) == {"budget"}
    assert result.failures["budget"] == WORKERS - round(result.coverage * WORKERS)
    assert result.score != 0
    assert store.find("last")[1].outcomes()["desk"].failure == "budget"


def test_a_rank_has_a_cap_of_its_own_and_those_above_still_answer(tmp_path):
    budgets = {"scan": "1 USD", "ranks": {"worker": "0.01 USD"}}
    with vendor(tmp_path) as server:
        result = scan(fleet_on(server, tmp_path, budgets=budgets))

        workers = [line for line in server.paid if line.model == "deepseek-flash"]
        assert sum(line.usd for line in workers[:-3]) <= Decimal("0.01")
    assert set(result.failures) == {"budget"}
    assert result.answer is not None


@pytest.mark.long
def test_a_daily_cap_holds_across_processes(tmp_path):
    with vendor(tmp_path, latency=0.05) as server:
        file = fleet_on(server, tmp_path, budgets={"day": "0.025 USD"}, answer_ttl="0.001s")
        both = [started("scan", file, "--json") for _ in range(2)]
        told = [json.loads(process.communicate()[0]) for process in both]

        assert Decimal("0.02") < server.usd <= Decimal("0.025")
    assert all(one["coverage"] < 1 for one in told)
    assert sum(Decimal(str(one["usd"])) for one in told) == server.usd


def test_no_key_reaches_a_scans_folder_or_the_ledger(tmp_path, monkeypatch):
    for name in KEYS:
        monkeypatch.setenv(name, "test-secret-4711")
    with vendor(tmp_path) as server:
        scan(fleet_on(server, tmp_path))
    kept = [file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()]

    assert kept
    assert not any(b"test-secret-4711" in content for content in kept)
