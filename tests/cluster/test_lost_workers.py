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
from tests.fleet.temporal.cluster import Cluster, wait_for

GRID = (
    *("--grid", "strategies.ema_cross.fast=3,4,5,6,7,8,9,10"),
    *("--grid", "strategies.ema_cross.slow=20,25,30,35,40,45,50,55"),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the EMA cross on twenty generated sessions in a catalog."""
    tape = open_tape(DataSettings(synthetic=SyntheticSettings(sessions=20)), str)
    file = tmp_path / "run.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: wide\n"
        f"data: {{catalog: {tape.catalog}}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 5, slow: 30}\n"
    )
    return file


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


def content(document: dict[str, Any], trials: str) -> list[Any]:
    """Return all of a sweep but how long it took."""
    variants = [one | {"seconds": 0.0} for one in document["variants"]]
    table = pl.read_parquet(document["table"]).drop("seconds").to_dicts()
    kept = [(one["id"], one["ts_event"], one["body"]) for one in json.loads(trials)]
    return [variants, table, kept]


def trials_of(document: dict[str, Any]) -> str:
    return qe("journal", "trials", "--run", document["sweep"], "--json").stdout


@pytest.mark.long
@pytest.mark.parametrize("place", ["disk", "s3"])
def test_a_sweep_that_loses_a_worker_is_the_local_one(
    place: str, run: Path, objects: None, temporal: Cluster, tmp_path: Path, monkeypatch: Any
) -> None:
    began = time.monotonic()
    here = json.loads(qe("sweep", run, *GRID, "--workers", 2, "--json").stdout)
    local = time.monotonic() - began
    options: list[object] = []
    if place == "s3":
        catalog = open_tape(DataSettings(synthetic=SyntheticSettings(sessions=20)), str).catalog
        object_store.upload(catalog, f"{BUCKET}/{catalog.name}")
        run.write_text(run.read_text().replace(str(catalog), f"{BUCKET}/{catalog.name}"))
        options = ["--out", f"{BUCKET}/sweeps/wide"]
    with monkeypatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path / "home of the workers"))
        lost, kept = temporal.workers(2, "--jobs", "1")
    began = time.monotonic()
    there = started(
        *("sweep", run, *GRID, "--engine", "temporal", *temporal.where, "--json", *options)
    )
    wait_for(lambda: lost.said.count(" done") >= 10 or there.poll() is not None, lost.said)
    lost.kill()
    said, complaints = there.communicate(timeout=1_800)
    kept.stop()

    assert there.returncode == 0, complaints
    document = json.loads(said)
    seconds = time.monotonic() - began
    print(f"{place}: local {local:.0f} s, cluster {seconds:.0f} s, lost {lost.said.count('done')}")
    assert lost.said.count(" done") + kept.said.count(" done") >= 64
    assert content(document, trials_of(document)) == content(here, trials_of(here))
    if place == "s3":
        listed = object_store.listing(f"{BUCKET}/sweeps/wide")
        assert {"sweep.json", "results.jsonl", "results.parquet", "sweep.html"} == set(listed)
