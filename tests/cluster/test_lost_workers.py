"""A sweep of 64 variants on two workers, one of which is killed in the middle: the local sweep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.data import object_store
from qe_plugins.data.tape import open_tape
from tests.cluster.conftest import ROOT
from tests.cluster.object_server import BUCKET
from tests.command import qe
from tests.fleet.temporal.cluster import Cluster, Worker, wait_for

GRID = (
    *("--grid", "strategies.ema_cross.fast=3,4,5,6,7,8,9,10"),
    *("--grid", "strategies.ema_cross.slow=20,25,30,35,40,45,50,55"),
)


DATA = DataSettings(synthetic=SyntheticSettings(sessions=3))


def settings(file: Path, catalog: object) -> Path:
    """Write the EMA cross on a catalog as a configuration."""
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: wide\n"
        f"data: {{catalog: {catalog}}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 5, slow: 30}\n"
    )
    return file


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Return a catalog of generated bars, and the content of a sweep on it in processes here."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(folder / "home"))
        catalog = open_tape(DATA, str).catalog
        began = time.monotonic()
        done = qe("sweep", settings(folder / "run.yaml", catalog), *GRID, "--workers", 2, "--json")
        assert done.returncode == 0, done.stderr
        print(f"local {time.monotonic() - began:.0f} s")
        return catalog, content(json.loads(done.stdout))


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start `qe` with what is said there."""
    return subprocess.Popen(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def content(document: dict[str, Any]) -> list[Any]:
    """Return all of a sweep but how long it took."""
    variants = [one | {"key": "", "seconds": 0.0} for one in document["variants"]]
    table = pl.read_parquet(document["table"]).drop("key", "seconds").to_dicts()
    listed = json.loads(qe("journal", "trials", "--run", document["sweep"], "--json").stdout)
    trials = [(one["id"], one["ts_event"], one["body"] | {"key": ""}) for one in listed]
    return [variants, table, trials]


@pytest.mark.long
@pytest.mark.parametrize("place", ["disk", "s3"])
def test_a_sweep_that_loses_a_worker_is_the_local_one(
    place: str,
    local: tuple[Path, list[Any]],
    objects: None,
    temporal: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog, here = local
    where: object = catalog
    options: list[object] = []
    if place == "s3":
        where = f"{BUCKET}/wide/{catalog.name}"
        object_store.upload(catalog, str(where))
        options = ["--out", f"{BUCKET}/sweeps/wide"]
    file = settings(tmp_path / "run.yaml", where)
    with monkeypatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path / "home of the workers"))
        lost, kept = temporal.workers(2, "--jobs", "1")
    began = time.monotonic()
    there = started(
        *("sweep", file, *GRID, "--engine", "temporal", *temporal.where, "--json", *options)
    )
    wait_for(lambda: done_by(lost) >= 10 or there.poll() is not None, "no work", 1_200)
    lost.kill()
    said, complaints = there.communicate(timeout=1_800)
    seconds = time.monotonic() - began
    kept.stop()

    assert there.returncode == 0, complaints
    print(f"{place}: {seconds:.0f} s, {done_by(lost)} and {done_by(kept)} variants by worker")
    assert 10 <= done_by(lost) < 64 <= done_by(lost) + done_by(kept)
    assert content(json.loads(said)) == here
    if place == "s3":
        listed = object_store.listing(f"{BUCKET}/sweeps/wide")
        assert {"sweep.json", "results.jsonl", "results.parquet", "sweep.html"} == set(listed)


def done_by(worker: Worker) -> int:
    """Return how many jobs a worker has finished."""
    return worker.said.count(" done\n")
