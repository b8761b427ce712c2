"""What a session costs an order on its way to the venue: hosted, and with its intent on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("session_orders.py")
ROOT = SCRIPT.parents[2]

pytestmark = pytest.mark.benchmark


def measured(mode: str, folder: Path) -> dict[str, Any]:
    home = folder / mode
    home.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "QE_HOME": str(home)}
    command = [sys.executable, str(SCRIPT), mode, str(home)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def test_an_order_reaches_the_venue_soon_after_its_intent_is_on_disk(tmp_path: Path) -> None:
    plain, hosted, committed = (measured(m, tmp_path) for m in ("plain", "hosted", "committed"))
    for name, one in (("plain", plain), ("hosted", hosted), ("committed", committed)):
        print(f"\n{name}: {one['orders']} orders, p50 {one['p50']:.2f} ms, p95 {one['p95']:.2f} ms")
    assert hosted["p50"] <= 3 * plain["p50"]
    assert committed["p95"] <= 20
