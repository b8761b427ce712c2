"""A walk-forward whose variants run on a Temporal cluster: the verdict of processes here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.cluster.connection import Cluster
from tests.cluster.conftest import ROOT
from tests.command import qe


def judged(file: Path, *options: object) -> dict[str, Any]:
    """Return what a walk-forward found, without the name of its sweep."""
    grid = ("--grid", "strategies.ema_cross.fast=10,20")
    ran = qe("walkforward", file, "--train", "1M", "--test", "1M", *grid, *options, "--json")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return {key: value for key, value in found.items() if key != "sweep"}


@pytest.mark.long
def test_a_walk_forward_on_a_cluster_is_the_local_one(worker: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: two-months\n"
        "data: {synthetic: {sessions: 40}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 10, slow: 60}\n"
    )
    where = ("--engine", "temporal", "--address", worker.address, "--queue", worker.queue)
    there = judged(file, *where)

    assert there == judged(file)
    assert len(there["walk"]["windows"]) == 1
