"""A scan starts with what its workers need: the rest is imported while they are waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.fleet.models import KEYS, RANKS, ROOT, TASKS, Vendor, fleet_on

UNTIL_THE_FIRST_CALL = """
import json, os, sys
from qe_plugins.cli import main
from qe_plugins.llm.providers import openai
async def called(*_):
    print(json.dumps([name for name in sys.modules if "." not in name]), flush=True)
    os._exit(0)
openai.OpenAI.complete = called
main()
"""


def large_fleet(tmp_path):
    """Return the file of a fleet so large that a process of its own reads its data."""
    unreachable = Vendor("http://127.0.0.1:9", tmp_path / "bill")
    ranks = RANKS | {"worker": RANKS["worker"] | {"count": 100}}
    tasks = {"windows": TASKS["windows"] | {"back": 300}}
    coordinators = [{"role": "HUNTER", "tasks": tasks}]
    return fleet_on(unreachable, tmp_path, ranks=ranks, coordinators=coordinators)


def test_no_worker_waits_for_the_sdk_of_the_upper_ranks_or_for_the_reader_of_data(tmp_path):
    """A tree of this size has its data read by a process of its own."""
    file = large_fleet(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", UNTIL_THE_FIRST_CALL, "fleet", "scan", str(file)],
        cwd=ROOT,
        env=os.environ | KEYS,
        check=True,
        capture_output=True,
        text=True,
    )
    imported = set(json.loads(done.stdout))

    assert "openai" in imported
    assert not {"anthropic", "nautilus_trader", "pandas", "temporalio"} & imported


def test_a_scan_that_fails_before_its_data_is_read_ends_all_the_same(tmp_path):
    home = tmp_path / "home"
    (home / "fleet").mkdir(parents=True)
    (home / "fleet" / "scans").write_text("a file where the folder of scans belongs")
    done = subprocess.run(
        [sys.executable, "-m", "qe_plugins.cli", "fleet", "scan", str(large_fleet(tmp_path))],
        cwd=ROOT,
        env=os.environ | KEYS | {"QE_HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
