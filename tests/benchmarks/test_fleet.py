"""What a full scan takes: against the bound of its tree, in memory, and again from the ledger.

A second a call and 1,000 in flight want a machine of one's own: at the bound, two cores then have
a millisecond for each call, the model server's share included. The bound is held where the
processor is not what limits, and the crowded scan is printed beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_server import bill
from tests.model_server.profile import Profile
from tests.model_server.spawned import spawned

SCRIPT = Path(__file__).with_name("scanning.py")
WORKERS = 6_250
CROWDED, ROOMY = (1_000, 1.0), (250, 2.0)  # calls in flight, seconds a call

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def scans() -> dict[Any, dict[str, Any]]:
    """Hold what each scan took, for all tests of this module."""
    return {}


@pytest.fixture
def scan(
    scans: dict[Any, dict[str, Any]],
    measured: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[tuple[int, float]], dict[str, Any]]:
    """Return a function that scans the full tree once for so many in flight, so long a call."""
    for name in ("DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "test-key-0000000")

    def run(how: tuple[int, float]) -> dict[str, Any]:
        if how not in scans:
            concurrency, latency = how
            file = tmp_path / "bill"
            with spawned(file, Profile(latency=latency, output_tokens=300)) as url:
                scans[how] = measured(SCRIPT, url, concurrency)
            scans[how]["paid"] = len(bill.paid(file))
            scans[how]["bound"] = latency * (math.ceil(WORKERS / concurrency) + 4)
            print(_said(how, scans[how]))
        return scans[how]

    return run


def _said(how: tuple[int, float], took: dict[str, Any]) -> str:
    return (
        f"\n{how[0]:,} in flight at {how[1]:g} s: {took['sent']:,} calls in "
        f"{took['seconds']:.1f} s, {took['seconds'] / took['bound']:.2f} of the bound; "
        f"{1_000 * took['cpu'] / took['sent']:.2f} ms of CPU a call, "
        f"{took['peak'] / 2**20:.0f} MiB; replay {took['replay']:.2f} s"
    )


def test_the_full_tree_is_within_115_of_what_its_depth_allows(scan):
    took = scan(ROOMY)

    assert (took["nodes"], took["coverage"], took["paid"]) == (6_406, 1.0, took["sent"])
    assert took["seconds"] <= 1.15 * took["bound"]


def test_a_full_scan_with_1000_calls_in_flight_takes_less_than_450_megabytes(scan):
    assert scan(CROWDED)["peak"] < 450 * 2**20


def test_a_replay_is_the_same_and_takes_a_third_of_the_processor_of_a_scan(scan):
    took = scan(CROWDED)

    assert took["same"]
    assert took["replay_cpu"] <= took["cpu"] / 3
