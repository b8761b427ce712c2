"""A Temporal server, an S3 server, and workers in a home of their own, for all tests here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.cluster import connection
from qe_plugins.cluster.processes import WorkerPool
from qe_plugins.research import sweep_runner
from tests.cluster.object_server import ObjectServer
from tests.fleet.temporal.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start an S3 server, to which the environment leads."""
    server = ObjectServer(tmp_path_factory.mktemp("objects"))
    with pytest.MonkeyPatch.context() as patch:
        try:
            server.make_bucket()
            for name, value in server.variables.items():
                patch.setenv(name, value)
            yield
        finally:
            server.stop()


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a Temporal server; its workers share no disk with us."""
    folder = tmp_path_factory.mktemp("cluster")
    server = Cluster(folder / "server")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def worker(
    objects: None, temporal: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> connection.Cluster:
    """Return a cluster with one worker of one job at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path_factory.mktemp("home of the worker")))
        temporal.worker("--jobs", "1")
    return temporal.meant


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the variants of local sweeps in this process: starting another takes seconds."""

    class Here(WorkerPool):
        def run(
            self, jobs: Sequence[Any], began: Callable[[int], None]
        ) -> Generator[tuple[int, Any]]:
            for number, job in enumerate(jobs):
                began(number)
                yield number, self._work(job)

    monkeypatch.setattr(sweep_runner, "WorkerPool", Here)
