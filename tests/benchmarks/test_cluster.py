"""What a full scan takes on a cluster, beside the same scan in one process; the answer is the same.

Both run on the offline provider, so what is measured is the tree, the ledger and the server.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.models import started
from tests.fleet.temporal.cluster import Cluster

FULL = Path(__file__).resolve().parents[2] / "configs" / "fleet" / "full.yaml"

pytestmark = pytest.mark.benchmark


def scanned(*options: str) -> dict[str, Any]:
    said, complaints = started("scan", FULL, *options, "--json").communicate()
    assert said, complaints
    figures: dict[str, Any] = json.loads(said)
    return figures


def test_a_full_scan_on_two_workers_takes_less_than_six_times_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("QE_HOME", str(tmp_path / "alone"))
    alone = scanned()
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.start()
        cluster.workers(2)
        first = scanned("--engine", "temporal", *cluster.where)
        second = scanned("--engine", "temporal", *cluster.where)
    finally:
        cluster.stop()
    print(
        f"\n{alone['nodes']:,} nodes: {alone['seconds']:.1f} s in one process, "
        f"{first['seconds']:.1f} s on two workers, {second['seconds']:.1f} s from the ledger"
    )

    assert first["answer_sha256"] == second["answer_sha256"] == alone["answer_sha256"]
    assert (first["nodes"], first["coverage"], second["calls_sent"]) == (6_406, 1.0, 0)
    assert first["seconds"] < 6 * alone["seconds"]
