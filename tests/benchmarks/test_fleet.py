"""What a full scan takes: against the bound of its tree, in memory, and again from the ledger.

A second a call and 1,000 in flight want a machine of one's own: at the bound, two cores have two
milliseconds for each call, and fleet and model server take half of that. Where somebody else works
on it meanwhile, the scan is tried again, and in the end the test says who was in the way.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.machine import ROOT, shared_with, surroundings
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.spawned import spawned

SCRIPT = Path(__file__).with_name("scanning.py")
CALLS = Path(__file__).with_name("model_calls.py")
BARE, PAID_BARE = 3_000, 3_050  # calls by aiohttp alone, before the scan; the first 50 warm it up
WORKERS = 6_250
TRIES, OTHERS = 3, 0.10  # with more of the machine taken by others, a try counts only if it is good
LIBRARIES = "import aiohttp, openai, polars, sqlalchemy"  # what every scan needs, at the least
STARTED, OUTSIDE = 3.0, 3.2  # seconds to the first call, and of the command outside of its scan
CROWDED, ROOMY = (1_000, 1.0), (250, 2.0)  # calls in flight, seconds a call
USUAL = (1_000, 4.0)  # a model takes seconds to answer, which leaves the machine time

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
            file.unlink(missing_ok=True)
            shutil.rmtree(tmp_path / "home", ignore_errors=True)  # else nothing would be asked anew
            with (
                shared_with() as others,
                spawned(file, Profile(latency=latency, output_tokens=300)) as url,
            ):
                bare = measured(CALLS, "bare", url, BARE, concurrency)["cpu_ms"]
                scans[how] = measured(SCRIPT, url, concurrency) | {"bare": bare}
            scans[how]["paid"] = len(bill.paid(file)) - PAID_BARE
            scans[how]["others"] = others.share
            scans[how]["of_bound"] = scans[how]["seconds"] / _bound(concurrency, latency)
            print(_said(how, scans[how]))
        return scans[how]

    return run


def _bound(concurrency: int, latency: float) -> float:
    """Return the fewest seconds that a tree of this depth can take."""
    return latency * (math.ceil(WORKERS / concurrency) + 4)


def _milliseconds(took: dict[str, Any]) -> float:
    """Return what a call took of the processor, rendering, aggregates and ledger included."""
    return float(1_000 * took["cpu"] / took["sent"])


def _said(how: tuple[int, float], took: dict[str, Any]) -> str:
    return (
        f"\n{how[0]:,} in flight at {how[1]:g} s: {took['sent']:,} calls in "
        f"{took['seconds']:.1f} s, {took['of_bound']:.3f} of the bound, "
        f"{took['others']:.0%} of the machine taken by others; "
        f"{_milliseconds(took):.2f} ms of CPU a call, {took['bare']:.2f} by aiohttp alone, "
        f"{took['peak'] / 2**20:.0f} MiB; replay "
        f"{took['nodes'] / took['replay']:,.0f} nodes a second"
    )


def test_the_full_tree_is_within_115_of_what_its_depth_allows(scan):
    took = scan(ROOMY)

    assert (took["nodes"], took["coverage"], took["paid"]) == (6_406, 1.0, took["sent"])
    assert took["of_bound"] <= 1.15


def test_a_thousand_calls_in_flight_that_take_four_seconds_are_within_110_of_it(scan):
    took = scan(USUAL)

    assert (took["nodes"], took["coverage"], took["paid"]) == (6_406, 1.0, took["sent"])
    assert took["of_bound"] <= 1.10


def test_so_it_is_with_a_thousand_calls_in_flight_that_take_a_second(scan, scans):
    tries = []
    while len(tries) < TRIES and not any(one["of_bound"] <= 1.15 for one in tries):
        scans.pop(CROWDED, None)
        tries.append(scan(CROWDED))

    took = min(tries, key=lambda one: one["of_bound"])
    if took["of_bound"] > 1.15 and all(one["others"] > OTHERS for one in tries):
        shares = ", ".join(f"{one['others']:.0%}" for one in tries)
        pytest.skip(f"others took {shares} of the machine: {took['of_bound']:.2f} of the bound")
    assert (took["nodes"], took["coverage"], took["paid"]) == (6_406, 1.0, took["sent"])
    assert took["of_bound"] <= 1.15


def test_a_full_scan_takes_a_millisecond_of_the_processor_a_call(scan):
    took = scan(CROWDED)
    slower = took["bare"] / 0.2  # than the machine on which a bare call takes 0.2 ms

    assert _milliseconds(took) <= 1.0 * max(1.0, slower)
    assert _milliseconds(took) <= 5 * took["bare"]


def test_a_replay_gives_ten_thousand_answers_for_a_second_of_the_processor(scan):
    took = scan(CROWDED)
    slower = took["bare"] / 0.2

    assert took["replay_cpu"] <= took["nodes"] / 10_000 * max(1.0, slower)


def test_a_full_scan_with_1000_calls_in_flight_takes_less_than_450_megabytes(scan):
    assert scan(CROWDED)["peak"] < 450 * 2**20


def test_a_replay_is_the_same_and_takes_a_third_of_the_processor_of_a_scan(scan):
    took = scan(CROWDED)

    assert took["same"]
    assert took["replay_cpu"] <= took["cpu"] / 3


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Run `qe fleet scan` on the full tree in a new state folder: what it took, in seconds."""
    folder = tmp_path_factory.mktemp("command")
    keys = dict.fromkeys(("DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"), "test-key-0000000")
    environment, bare = surroundings(folder / "home") | keys, []
    for _ in range(3):  # the first of them compiles
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", LIBRARIES], env=environment, check=True)
        bare.append(time.perf_counter() - began)
    tries = [_commanded(folder / f"bill{n}", environment) for n in range(2)]
    took = min(tries, key=lambda one: one["first"])
    print("\nthe command:", {name: round(each, 2) for name, each in took.items()}, "of", bare)
    return took | {"bare": min(bare)}


def _commanded(bill_file: Path, environment: dict[str, str]) -> dict[str, float]:
    latency = 0.5
    with (
        shared_with() as others,
        spawned(bill_file, Profile(latency=latency, output_tokens=300)) as url,
    ):
        urls = f"base_urls={{deepseek: '{url}/v1', anthropic: '{url}'}}"
        command = [sys.executable, "-m", "qe_plugins.cli", "fleet", "scan"]
        command += ["configs/fleet/full.yaml", "--provider", "models", "--set", urls, "--json"]
        command += ["--set", "answer_ttl=1s"]
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as run:
            while run.poll() is None and not (bill_file.exists() and bill_file.stat().st_size):
                time.sleep(0.005)
            first = time.perf_counter() - began - latency
            printed, _ = run.communicate()
        whole = time.perf_counter() - began
    outside = whole - json.loads(printed)["seconds"]
    return {"first": first, "outside": outside, "whole": whole, "others": others.share}


def test_the_first_call_is_sent_three_seconds_after_the_command_was_given(command):
    assert command["first"] <= max(STARTED, 3 * command["bare"])


def test_the_command_takes_three_seconds_beside_its_scan(command):
    assert command["outside"] <= max(OUTSIDE, 3.2 * command["bare"])
