"""A worker that is told to stop: what it has begun is finished, and costs nothing twice."""

from __future__ import annotations

import json

import pytest

from qe_plugins.errors import FleetError
from qe_plugins.fleet.scan import in_doubt, store
from tests.fleet.models import ONE_VENDOR, WORKERS, fleet_on, open_calls, started, vendor
from tests.fleet.temporal.cluster import wait_for


@pytest.mark.long
def test_a_worker_that_leaves_finishes_what_it_began_and_another_goes_on(cluster, tmp_path):
    leaving = cluster.worker()
    with vendor(tmp_path, latency=1.0) as server:
        file = fleet_on(server, tmp_path, ranks=ONE_VENDOR)
        client = started("scan", file, "--engine", "temporal", *cluster.where, "--json")
        server.wait_for(20)
        with pytest.raises(FleetError, match=rf"{leaving.process.pid}@.* with calls in flight"):
            in_doubt.settle("last", nothing=True)
        assert leaving.stop() == 0
        staying = cluster.worker()
        result = json.loads(client.communicate(timeout=300)[0])

        assert len(server.sent) == len(server.paid) == server.unique == WORKERS + 5
    wait_for(lambda: not store.find("last")[1].workers(), "the worker does not leave the scan")
    assert in_doubt.settle("last", nothing=True)[1].calls == 0
    assert (result["coverage"], open_calls()) == (1.0, 0)
    assert "10 of 10 workers answered" in leaving.said
    assert leaving.said.splitlines()[-1] == "stopped"
    assert "desk decided" in staying.said
