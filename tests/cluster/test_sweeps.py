"""Sweeps on a Temporal cluster: what a sweep in processes here finds, in another home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from qe_plugins.cluster import job_runner
from qe_plugins.cluster.connection import Cluster
from qe_plugins.errors import ClusterError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.report.sweep_job import measure
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import read_axes
from qe_plugins.research.sweep_runner import SweepResult, sweep
from qe_plugins.research.sweep_store import SweepSpec
from tests.cluster.conftest import ROOT
from tests.command import qe
from tests.research.jobs import square

GRID = ("strategies.ema_cross.fast=5,20", "strategies.ema_cross.slow=15,30,40")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the EMA cross on two generated sessions as a configuration."""
    file = tmp_path_factory.mktemp("sweep") / "run.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: small\n"
        "data: {synthetic: {sessions: 2}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 5, slow: 30}\n"
    )
    return file


def spec_of(run: Path, sweep_id: str = "20240102-sweep-small") -> SweepSpec:
    return SweepSpec(
        sweep=sweep_id, name="small", config=str(run), overrides=(), axes=read_axes(GRID)
    )


def content(swept: SweepResult) -> list[Any]:
    """Return everything of a sweep but how long it took."""
    table = sweep_store.write_table(swept.folder, swept.spec.axes, swept.results)
    with Journal.open() as journal:
        trials = journal.facts(swept.spec.sweep, [FactKind.TRIAL])
    return [
        [msgspec.structs.replace(one, seconds=0.0) for one in swept.results],
        pl.read_parquet(table).drop("seconds").to_dicts(),
        [(one.id, one.ts_event, one.body) for one in trials],
    ]


@pytest.fixture(scope="module")
def on_cluster(
    worker: Cluster, run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SweepResult, list[Any]]]:
    """Return a sweep on the cluster and its content."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(folder / "home"))
        swept = sweep(spec_of(run), folder / "sweep", measure, cluster=worker)
        yield swept, content(swept)


def test_a_sweep_on_a_cluster_is_the_local_one(on_cluster, run, tmp_path, in_this_process):
    swept, found = on_cluster
    here = sweep(spec_of(run), tmp_path / "here", measure)

    assert found == content(here)
    assert [str(one.state) for one in swept.results].count("failed") == 1


def test_a_sweep_whose_process_was_lost_takes_what_the_cluster_has_already(
    on_cluster, worker, run, tmp_path
):
    again = sweep(spec_of(run), tmp_path / "again", measure, cluster=worker)

    assert again.results == on_cluster[0].results  # with their seconds: nothing was run again


def test_a_variant_that_failed_is_run_again_by_a_resumed_sweep(on_cluster, worker, run, tmp_path):
    swept = on_cluster[0]
    resumed = sweep(spec_of(run), swept.folder, measure, cluster=worker)

    [before], [after] = ([one for one in found.results if one.error] for found in (swept, resumed))
    assert (resumed.found, before.error) == (5, after.error)
    assert sweep_store.failures(swept.folder).total() == 2


def test_a_worker_with_other_code_refuses_a_job(worker, monkeypatch):
    monkeypatch.setattr(job_runner, "code_hash", lambda: "0" * 12)
    jobs = job_runner.run_jobs(measure, [{}], ["other-code"], worker, ignore, print)

    with pytest.raises(ClusterError, match=r"worker \d+@.* has other code \(\w{12}\) than"):
        next(jobs)


def test_a_worker_runs_no_function_that_is_no_job(worker):
    jobs = job_runner.run_jobs(square, [3], ["no-job"], worker, ignore, print)

    with pytest.raises(ClusterError, match=r"does not know the job 'tests\.research\.jobs:square'"):
        next(jobs)


def test_a_job_that_no_worker_takes_is_noticed_and_cancelled_with_its_sweep(worker, monkeypatch):
    class NoticedError(Exception):
        pass

    def notice(text: str) -> None:
        raise NoticedError(text)

    monkeypatch.setattr(job_runner, "NOTICE", 0.1)
    empty = msgspec.structs.replace(worker, queue="empty")

    for _ in range(2):  # the second time, it is not the first one's job that is joined
        jobs = job_runner.run_jobs(measure, [{}], ["waits"], empty, ignore, notice)
        with pytest.raises(NoticedError, match="no worker on queue empty-jobs yet"):
            next(jobs)


def test_without_a_server_a_sweep_ends_with_one_line_and_writes_nothing(run, tmp_path):
    refused = qe(
        *("sweep", run, "--grid", GRID[0], "--engine", "temporal"),
        TEMPORAL_ADDRESS="127.0.0.1:1",
    )

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: Temporal at 127.0.0.1:1: cannot be reached: ")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "home" / "sweeps").exists()


def ignore(_: int) -> None:
    """Ignore the start of a job."""
