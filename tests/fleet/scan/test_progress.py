"""A scan as it stands: from its outcomes when it has ended, and from its calls while it runs."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.inspect import node_view
from qe_plugins.fleet.scan.progress import ScanState, WorkerState, progress
from qe_plugins.llm.ledger import Ledger


@pytest.fixture
def finished(fleet_file):
    begun = lifecycle.begin(load(fleet_file()))
    return begun, lifecycle.run(begun)


def now():
    with Ledger() as ledger:
        return progress(*store.find("last"), ledger)


def test_a_finished_scan_has_the_counts_of_its_own_aggregate(finished):
    begun, result = finished
    found = now()
    whole = node_view(begun, "desk")["aggregate"]

    assert found.state is ScanState.FINISHED
    assert (found.coverage, found.usd, found.nodes) == (result.coverage, result.usd, result.nodes)
    assert found.counts.get(WorkerState.LONG, 0) == whole.long
    assert found.counts.get(WorkerState.SHORT, 0) == whole.short
    assert sum(found.counts.values()) == found.workers == whole.expected


def test_the_calls_alone_say_the_same_of_each_worker_as_the_outcomes(finished):
    begun, _ = finished
    after = now()
    (begun.folder.path / store.RESULT).unlink()
    (begun.folder.path / store.OUTCOMES).unlink()

    before = now()

    assert before.state is ScanState.INTERRUPTED
    assert before.counts == after.counts
    assert [part.strips[0].workers for part in before.coordinators] == [
        part.strips[0].workers for part in after.coordinators
    ]
    assert node_view(begun, "1.1.1.1")["answer"].reason.startswith("offline rule")
    assert node_view(begun, "1.1.1.1")["request"].prompt


def test_a_scan_that_has_not_sent_a_call_waits(fleet_file):
    begun = lifecycle.begin(load(fleet_file()))
    with begun.folder.exclusive():
        found = now()

    assert found.state is ScanState.RUNNING
    assert found.counts == {WorkerState.WAITING: found.workers}
    assert (found.asked, found.in_flight, found.usd) == (0, 0, 0)


def test_the_command_prints_the_same(finished):
    printed = CliRunner().invoke(cli, ["fleet", "progress", "--json"], catch_exceptions=False)

    assert json.loads(printed.stdout)["counts"] == json.loads(msgspec.json.encode(now().counts))
