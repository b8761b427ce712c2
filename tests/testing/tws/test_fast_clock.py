"""The maintenance break on a fast clock: simulated TWS and node under one `faketime`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

SCENARIO = Path(__file__).parent / "open_after_break.py"
QE = (sys.executable, "-m", "qe_plugins.cli", "rehearse", "--port", "0", "--control-port", "0")


def at(hour: int, minute: int) -> float:
    """Return a time of 1 December 2026 in Chicago."""
    return datetime(2026, 12, 1, hour + 6, minute, tzinfo=UTC).timestamp()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_orders_of_the_break_outlive_a_restart_and_fill_at_the_open(tmp_path: Path):
    clock = ("--speed", "15", "--at", "2026-12-01 22:45", "--hours", "cme")
    state = ("--restart-at", "16:55", "--state", str(tmp_path / "tws.json"))

    done = subprocess.run(
        [*QE, *clock, *state, "--", sys.executable, str(SCENARIO)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.split("RESULT ")[1])
    assert result["placed"] < at(16, 55) < at(16, 57) <= result["back"] < at(17, 0)
    assert at(17, 0) <= result["filled"] < at(17, 2)
    assert (result["rejected"], result["open"]) == (0, ["stop", "target"])
    assert result["notices"] != []
