"""A cluster losing parts of itself in the middle of a scan: the same answer, and no money lost.

The vendor's bill is what tells: no request that was settled is paid again, and what is paid twice
was in flight when something was killed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.llm.ledger import Ledger
from tests.fleet.models import ONE_VENDOR, WORKERS, Vendor, fleet_on, open_calls, started, vendor
from tests.fleet.temporal.cluster import Cluster

ASKED = WORKERS + 3 + 1 + 1  # captains, coordinator, desk; supervisors count in code


class Desk:
    """A scan of a fleet that a vendor answers, on a cluster with one worker."""

    def __init__(self, cluster: Cluster, server: Vendor, file: Any) -> None:
        self.cluster, self.server = cluster, server
        self.in_flight = self._lost = 0
        self.worker = cluster.worker()
        self.client = started("scan", file, *self._how, "--engine", "temporal")

    @property
    def _how(self) -> list[str]:
        return [*self.cluster.where, "--json"]

    def once_paid(self, calls: int) -> None:
        self.server.wait_for(calls)

    def lose_the_worker(self) -> None:
        """Kill it; what was in flight then stays open in the ledger for ever."""
        self.worker.kill()
        self._note_in_flight()

    def lose_the_server(self) -> None:
        self.cluster.kill()
        self._note_in_flight()

    def lose_everything(self) -> None:
        self.client.kill()
        self.client.communicate()
        self.cluster.kill()
        self.lose_the_worker()

    def _note_in_flight(self) -> None:
        """Add the calls open now to those of earlier kills, of which some still are."""
        self.in_flight += open_calls() - self._lost
        if self.worker.ended:
            self._lost = open_calls()

    def begin_again(self) -> None:
        self.cluster.start()
        self.worker = self.cluster.worker()
        self.client = started("resume", "last", *self._how)

    def result(self) -> dict[str, Any]:
        said, complaints = self.client.communicate(timeout=300)
        assert self.client.returncode == 0, complaints + self.worker.said
        told: dict[str, Any] = json.loads(said)
        return told


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the answer hash of one process, with nothing in its way."""
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch, vendor(folder) as calm:
        patch.setenv("QE_HOME", str(folder / "home"))
        for name in ("DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"):
            patch.setenv(name, "test-key-0000000")
        loaded = load(fleet_on(calm, folder, ranks=ONE_VENDOR))
        return lifecycle.run(lifecycle.begin(loaded)).answer_sha256


@pytest.fixture
def desk(cluster, tmp_path):
    with vendor(tmp_path, latency=1.0) as server:
        yield Desk(cluster, server, fleet_on(server, tmp_path, ranks=ONE_VENDOR))


@pytest.mark.long
def test_a_scan_that_loses_a_worker_the_server_and_everything_ends_as_an_undisturbed_one(
    desk, undisturbed
):
    desk.once_paid(15)
    desk.lose_the_worker()
    desk.worker = desk.cluster.worker()
    desk.once_paid(45)
    desk.lose_the_server()
    desk.cluster.start()
    desk.once_paid(90)
    desk.lose_everything()
    desk.begin_again()

    result, server = desk.result(), desk.server
    twice = len(server.paid) - server.unique
    assert result["answer_sha256"] == undisturbed
    assert (result["coverage"], server.unique) == (1.0, ASKED)
    assert 0 <= twice <= desk.in_flight <= 3 * 20
    with Ledger() as ledger:
        [row] = ledger.costs("scan")
    assert row.calls >= len(server.paid)
    assert row.usd + row.in_doubt >= server.usd
    replayed = lifecycle.run(lifecycle.reopen("last"), replay=True)
    assert replayed.answer_sha256 == undisturbed
