"""Two processes sweep almost twice as fast as one, where there are two processors for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from tests.benchmarks.machine import surroundings

ROOT = Path(__file__).resolve().parents[2]
GRID = (
    "--grid", "strategies.ema_cross.fast=5,8,10,12",
    "--grid", "strategies.ema_cross.slow=20,30,40,60",
)  # fmt: skip

pytestmark = pytest.mark.benchmark


def swept(home: Path, file: Path, workers: int) -> tuple[float, dict[str, Any]]:
    """Return the seconds that a sweep took and what it printed."""
    began = perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "qe_plugins.cli", "sweep", str(file), *GRID),
            *("--workers", str(workers), "--json"),
        ],
        cwd=ROOT,
        env=surroundings(home),
        check=True,
        capture_output=True,
        text=True,
    )
    return perf_counter() - began, json.loads(done.stdout)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_sixteen_variants_on_two_processors_take_less_than_1_over_17(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: sweep\n"
        "data: {synthetic: {sessions: 120, contracts: 3}}\n"
        "strategies: {ema_cross: {instrument_id: MESM24.XCME, fast: 5, slow: 30}}\n"
        "nautilus: {venue: {starting_balances: [1_000_000 USD]}}\n"
    )
    swept(tmp_path, file, 2)  # generates the tape, and warms the disk
    alone, one = swept(tmp_path, file, 1)
    together, two = swept(tmp_path, file, 2)
    print(f"\n16 variants: {alone:.1f} s alone, {together:.1f} s by two: {alone / together:.2f}")
    assert [each["figures"] for each in one["variants"]] == [
        each["figures"] for each in two["variants"]
    ]
    assert len(one["variants"]) == 16
    assert alone / together >= 1.7
