"""`qe sweep`, with real backtests in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from qe_plugins import state_dir
from tests.data.databento.conftest import until

ROOT = Path(__file__).resolve().parents[2]
GRID = ("--grid", "strategies.ema_cross.fast=5,20", "--grid", "strategies.ema_cross.slow=15,30")


def qe(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_a_sweep_ends_with_one_where_a_variant_failed_and_leaves_everything(run: Path) -> None:
    two = qe("sweep", run, *GRID, "--workers", 2, "--json")
    assert two.returncode == 1, two.stderr
    document = json.loads(two.stdout)
    assert [one["state"] for one in document["variants"]] == ["finished"] * 2 + ["failed"] + [
        "finished"
    ]
    assert "fast must be shorter than slow, was 20 and 15" in document["variants"][2]["error"]
    assert pl.read_parquet(document["table"]).height == 4
    page = Path(document["page"]).read_text(encoding="utf-8")
    assert "SYNTHETIC" in page
    assert document["failed"] == 1

    alone = json.loads(qe("sweep", run, *GRID, "--workers", 1, "--json").stdout)
    kept = [[one["figures"], one["error"], one["key"]] for one in document["variants"]]
    assert kept == [[one["figures"], one["error"], one["key"]] for one in alone["variants"]]

    again = qe("sweep", run, "--resume", document["sweep"])
    assert again.returncode == 1
    assert "4 variants, 3 reused, 1 failed" in again.stdout

    listed = json.loads(qe("journal", "trials", "--run", document["sweep"], "--json").stdout)
    assert [one["body"]["state"] for one in listed].count("finished") == 3


def test_an_interrupted_sweep_says_how_to_resume_it(run: Path) -> None:
    many = ",".join(map(str, range(3, 28)))
    more = ("--set", "strategies.ema_cross.slow=61")
    words = ["sweep", run, "--grid", f"strategies.ema_cross.fast={many}", *more, "--workers", "1"]
    sweep = subprocess.Popen(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: [*state_dir.state_dir().glob("sweeps/*/results.jsonl")] != [])
    sweep.send_signal(signal.SIGINT)
    said = sweep.communicate()[1]
    assert sweep.returncode == 130
    [line] = [one for one in said.splitlines() if one.startswith("resume it with: uv run qe ")]
    [name] = line.rpartition("--resume ")[2:]
    assert " ".join(more) in line
    listed = json.loads(qe("journal", "trials", "--run", name, "--json").stdout)
    assert "interrupted" in {one["body"]["state"] for one in listed}


def test_a_wrong_key_exits_with_two_in_one_line(run: Path) -> None:
    refused = qe("sweep", run, "--grid", "strategies.ema_cross.fats=5,6")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: --set strategies.ema_cross.fats: ")
    assert refused.stderr.count("\n") == 1


def test_a_sweep_needs_a_grid(run: Path) -> None:
    refused = qe("sweep", run)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --grid: a sweep needs a grid. Write --grid ")
