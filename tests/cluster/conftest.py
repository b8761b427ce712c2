"""A Temporal server and a worker in a home of its own, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qe_plugins.cluster import connection
from tests.fleet.temporal.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[connection.Cluster]:
    """Return a cluster with one worker of one job at once, which shares no disk with us."""
    folder = tmp_path_factory.mktemp("cluster")
    server = Cluster(folder / "server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(folder / "home of the worker"))
        try:
            server.start()
            server.worker("--jobs", "1")
            yield server.meant
        finally:
            server.stop()
