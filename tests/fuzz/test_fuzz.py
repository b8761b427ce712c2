"""Some seconds of spoiled inputs: exit code 0, or 2 with one line, and nothing half kept.

`FUZZ_SEED` tries others; the seed is printed. `python -m tests.fuzz.loop KIND SEED SECONDS FOLDER`
tries the same again.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger.server import open_ledger
from tests.command import ROOT, qe
from tests.data.dbn_tape import opened, written
from tests.fakes.databento_server.tape import december, weekdays
from tests.fuzz.kinds import KINDS
from tests.journal.facts import STARTED, small_run

SHARES = {"catalog": 2.0, "dbn": 2.0}
"""Kinds whose inputs take longer than the others' get more of the time."""

SECONDS = 4.0 / (len(KINDS) + sum(share - 1 for share in SHARES.values()))
"""Of each kind, so that all together take four seconds and what their processes need to start."""


@pytest.fixture(scope="session")
def seed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with sound files of every kind that is not written from scratch."""
    folder = tmp_path_factory.mktemp("fuzz")
    seed = folder / "seed"
    small = ("data.synthetic.sessions=2", "data.synthetic.contracts=1")
    sets = [part for one in small for part in ("--set", one)]
    done = qe("backtest", "configs/backtest/quickstart.yaml", *sets, QE_HOME=str(seed))
    assert done.returncode == 0, done.stderr
    with Journal.open(f"sqlite:///{seed / 'journal.sqlite'}") as journal:
        journal.write_run("20240506-small", "small", STARTED, small_run())
    open_ledger(seed / "ledger.sqlite")
    with sqlite3.connect(seed / "ledger.sqlite") as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound(seed)
    return folder


def sound(seed: Path) -> None:
    """Write small Databento files, and the catalog that a run makes of them."""
    days = weekdays(dt.date(2013, 12, 17), dt.date(2013, 12, 19))
    written(seed / "dbn", december(), days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(seed / "made"))
        made = opened(dbn=str(seed / "dbn")).catalog
    shutil.copytree(made, seed / "catalog")


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_inputs_are_one_line_each(kind: str, seed_folder: Path) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "7"))
    print(f"seed {seed}")
    folder = seed_folder / kind
    folder.mkdir()
    (folder / "seed").symlink_to(seed_folder / "seed")
    seconds = SECONDS * SHARES.get(kind, 1.0)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.loop", kind, str(seed), str(seconds), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended by itself: {done.stderr[-2_000:]}"
    assert [one for one in told if "wrong" in one] == [], f"seed {seed}"
    assert told[-1]["tried"] > 0
