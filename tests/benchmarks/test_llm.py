"""What a model call costs this machine, beside the same bytes through aiohttp alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_server.profile import Profile
from tests.model_server.spawned import spawned

SCRIPT = Path(__file__).with_name("model_calls.py")
CALLS, FLIGHT = 6_250, 1_000

pytestmark = pytest.mark.benchmark


@pytest.fixture
def figures(measured: Callable[..., dict[str, Any]], tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Measure the three ways on one server, one after the other."""
    with spawned(tmp_path / "bill.jsonl", Profile(latency=1.0)) as url:
        ways = ("bare", "client", "replay")
        return {how: measured(SCRIPT, how, url, CALLS, FLIGHT) for how in ways}


def test_a_call_costs_a_millisecond_and_a_replay_a_tenth(figures):
    bare, ours, replay = figures["bare"], figures["client"], figures["replay"]
    print({how: {k: round(v, 3) for k, v in told.items()} for how, told in figures.items()})
    slower = bare["cpu_ms"] / 0.14  # than the machine on which a bare call takes 0.14 ms

    assert ours["cpu_ms"] <= 1.0 * max(1.0, slower)
    assert ours["megabytes"] < 450
    assert replay["cpu_ms"] <= 0.1 * max(1.0, slower)
    assert bare["seconds"] >= math.ceil(CALLS / FLIGHT)
