"""Scans on a cluster of two workers: in all that can be seen, scans of one process."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from qe_plugins.cluster.connection import connect
from qe_plugins.cluster.payload_converter import CONVERTER
from qe_plugins.cluster.worker import RESTRICTIONS
from qe_plugins.errors import ClusterError
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.temporal import submit
from qe_plugins.fleet.temporal.workflows import CaptainWorkflow, ScanWorkflow
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import RANKS, WORKERS, fleet_on, started, vendor
from tests.fleet.temporal.cluster import Cluster

FRESH = {"answer_ttl": "0.001s"}
"""Tests share a home, and its ledger: none goes by what was answered to another."""

ASKED = WORKERS + 3 + 1 + 1  # captains, coordinator, desk; supervisors count in code


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Yield a cluster with two workers, and the home that they share."""
    folder = tmp_path_factory.mktemp("pair")
    cluster, home = Cluster(folder / "cluster"), folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(home))
        try:
            cluster.start()
            cluster.workers(2)
            yield cluster, home
        finally:
            cluster.stop()


@pytest.fixture
def cluster(pair, monkeypatch):
    """Return the cluster, whose home is ours for as long as the test takes."""
    cluster, home = pair
    monkeypatch.setenv("QE_HOME", str(home))
    return cluster


@pytest.fixture
def scan(cluster):
    """Return a function that begins a scan of a fleet and runs it on the cluster."""

    def run(loaded):
        begun = lifecycle.begin(loaded, "temporal")
        return submit.run(begun, cluster.meant, say=print)

    return run


def single_process(loaded, monkeypatch, tmp_path):
    """Return what one process makes of a fleet, in a home where nothing was ever asked."""
    with monkeypatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path / "alone"))
        return lifecycle.run(lifecycle.begin(loaded))


def test_a_cluster_answers_as_one_process_does(scan, small, monkeypatch, tmp_path):
    result, single = (
        scan(small(**FRESH)),
        single_process(small(**FRESH), monkeypatch, tmp_path),
    )

    assert result.answer_sha256 == single.answer_sha256
    assert (result.nodes, result.coverage, result.quorums) == (20, 1.0, single.quorums)
    assert (result.asked, result.calls_sent, result.calls_replayed) == (16, 16, 0)
    [folder] = (tmp_path / "alone" / "fleet" / "scans").iterdir()
    assert store.find(result.scan_id)[1].outcomes() == store.ScanFolder(folder).outcomes()


@pytest.mark.long
def test_supervisors_that_ask_their_models_are_asked_too(scan, small, monkeypatch, tmp_path):
    ranks = small().resolved["ranks"]
    loaded = small(
        **FRESH, ranks=ranks | {"supervisor": ranks["supervisor"] | {"ask_model": "always"}}
    )

    assert scan(loaded).answer_sha256 == single_process(loaded, monkeypatch, tmp_path).answer_sha256


def test_coordinators_speak_once_and_what_was_answered_is_not_asked_again(scan, small):
    first, second = scan(small()), scan(small())
    replayed = lifecycle.run(lifecycle.reopen(second.scan_id), replay=True)

    assert (second.calls_sent, second.calls_replayed) == (0, 16)
    assert replayed.answer_sha256 == second.answer_sha256 == first.answer_sha256
    with Outbox() as bus:
        [message] = bus.read(scan=second.scan_id)
    assert (message.sender, message.kind) == ("1", "finding")


@pytest.mark.long
def test_whoever_resumes_a_scan_that_runs_joins_it_and_each_call_is_paid_once(cluster, tmp_path):
    with vendor(tmp_path, latency=2.0) as server:
        command = [*cluster.where, "--json"]
        first = started(
            "scan", fleet_on(server, tmp_path, **FRESH), *command, "--engine", "temporal"
        )
        server.wait_for(10)
        second = started("resume", "last", *command)
        told = [json.loads(one.communicate(timeout=300)[0]) for one in (first, second)]

        assert len(server.sent) == len(server.paid) == server.unique == ASKED
    assert told[0]["answer_sha256"] == told[1]["answer_sha256"]
    assert told[0]["usd"] == told[1]["usd"] == float(server.usd)
    assert (told[0]["calls_sent"], told[0]["calls_paid"]) == (ASKED, ASKED)
    with Ledger() as ledger:
        assert sum(row.usd for row in ledger.costs("rank", told[0]["scan_id"])) == server.usd


def test_a_cap_holds_for_all_workers_together(scan, tmp_path):
    with vendor(tmp_path) as server:
        result = scan(load(fleet_on(server, tmp_path, **FRESH, budgets={"scan": "0.02 USD"})))

        assert Decimal("0.012") < server.usd <= Decimal("0.02")
    assert result.usd == server.usd
    assert set(result.failures) == {"budget"}
    assert 0.2 < result.coverage < 1


@pytest.mark.long
def test_late_answers_are_dropped_and_the_replay_drops_the_same(scan, tmp_path):
    ranks = {
        name: rank | {"deadline": f"{seconds}s", "quorum": "20%"}
        for (name, rank), seconds in zip(RANKS.items(), (12, 10, 8, 6, 3), strict=True)
    }
    calls = {"concurrency": 120, "hedge_share": 0, "timeout": "30s"}
    with vendor(tmp_path, "warm") as server:  # the first scan in a process imports what it needs
        scan(load(fleet_on(server, tmp_path, **FRESH, calls=calls)))
    with vendor(tmp_path, latency=0.05, stalled=0.2, stall=30.0) as server:
        result = scan(load(fleet_on(server, tmp_path, **FRESH, ranks=ranks, calls=calls)))
    replayed = lifecycle.run(lifecycle.reopen(result.scan_id), replay=True)

    assert result.seconds < 12
    assert 5 < result.failures["late"] < WORKERS / 2
    assert (result.quorum, set(result.failures)) == (True, {"late"})
    assert (replayed.answer_sha256, replayed.failures) == (result.answer_sha256, result.failures)


@pytest.mark.long
def test_a_vendor_that_only_fails_leaves_no_quorum_and_says_so(scan, tmp_path):
    with vendor(tmp_path, refused=1.0) as server:
        result = scan(load(fleet_on(server, tmp_path, **FRESH)))

    assert (result.quorum, result.answer, result.coverage) == (False, None, 0.0)
    assert result.failures == {"refused": WORKERS}
    with Outbox() as bus:
        assert [one.kind for one in bus.read(scan=result.scan_id)] == ["request"]


@pytest.mark.long
def test_calls_in_flight_are_never_more_than_the_configuration_says(scan, tmp_path):
    with vendor(tmp_path, latency=0.05, slots=20) as server:
        scan(load(fleet_on(server, tmp_path, **FRESH, calls={"concurrency": 20, "hedge_share": 0})))

        assert [line.said for line in server.sent if not line.paid] == []


def test_an_error_in_a_worker_ends_the_scan_in_one_line(scan, small, monkeypatch, tmp_path):
    monkeypatch.setenv("QE_HOME", str(tmp_path / "elsewhere"))

    with pytest.raises(ClusterError, match=r"failed: worker on .* does not know the scan") as told:
        scan(small())
    assert "\n" not in str(told.value)


@pytest.mark.long
def test_workflows_do_the_same_again_over_their_own_history(cluster, scan, small):
    result = scan(small())
    runner = SandboxedWorkflowRunner(restrictions=RESTRICTIONS)
    replayer = Replayer(
        workflows=[ScanWorkflow, CaptainWorkflow],
        data_converter=CONVERTER,
        workflow_runner=runner,
    )

    async def replayed() -> list[WorkflowHistory]:
        client = await connect(cluster.meant)
        names = [f"qe-{result.scan_id}{part}" for part in ("", "/1.1", "/1.2")]
        histories = [await client.get_workflow_handle(one).fetch_history() for one in names]
        for history in histories:
            await replayer.replay_workflow(history)
        return histories

    assert max(len(one.events) for one in asyncio.run(replayed())) < 200
