"""The full tree on bad days: kills, turned-away calls and stalls, by the vendor's own bill.

The ordinary run has a small tree and a printed seed; `uv run pytest -m long` has all of it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.fleet.loader import LoadedFleet, load
from qe_plugins.fleet.scan import lifecycle
from qe_plugins.llm.ledger import Ledger
from tests.fleet.conftest import CONFIGS
from tests.fleet.models import KEYS, ONE_VENDOR, Vendor, fleet_on, open_calls, vendor

SIZES = pytest.mark.parametrize("size", ["small", pytest.param("full", marks=pytest.mark.long)])


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def fleet(size: str, server: Vendor, folder: Path, concurrency: int = 1_000) -> LoadedFleet:
    """Return the small tree of the tests or the project's full one, asking a vendor."""
    if size == "small":
        calls = {"concurrency": 20, "timeout": "30s"}
        return load(fleet_on(server, folder, ranks=ONE_VENDOR, calls=calls))
    ranks = ("desk", "coordinator", "captain", "supervisor", "worker")
    settings = (
        "provider=models",
        f"base_urls.deepseek={server.url}/v1",
        f"base_urls.anthropic={server.url}",
        f"calls.concurrency={concurrency}",
        "budgets.scan=50",
        "budgets.ranks.worker=50",
        *(f"ranks.{rank}.deadline={600 - 10 * n}s" for n, rank in enumerate(ranks)),
    )
    return load(CONFIGS / "full.yaml", settings)


def killed_once_paid(begun: lifecycle.Scan, server: Vendor, calls: int) -> int:
    """Run a scan in a forked process, kill it once so many calls are paid; return those open."""
    if not (process := os.fork()):  # a new interpreter would take longer than the scan
        with contextlib.suppress(BaseException):
            lifecycle.run(begun)
        os._exit(0)
    until = time.monotonic() + 300
    while _lines(server) < calls and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return open_calls()


def _lines(server: Vendor) -> int:
    """Return how many calls are on the bill, without reading what each of them was."""
    return server.file.read_bytes().count(b"\n") if server.file.exists() else 0


@SIZES
def test_a_scan_killed_at_random_moments_ends_as_an_undisturbed_one(
    size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills, seed = (3 if size == "small" else 10), time.time_ns()
    print(f"seed {seed}")
    monkeypatch.setenv("QE_HOME", str(tmp_path / "calm"))
    with vendor(tmp_path, "calm") as calm:
        undisturbed = lifecycle.run(lifecycle.begin(fleet(size, calm, tmp_path)))
    unique, chance = undisturbed.calls_sent, random.Random(seed)

    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    in_flight = 0
    with vendor(tmp_path, "server", latency=0.2) as server:
        begun = lifecycle.begin(fleet(size, server, tmp_path))
        for moment in sorted(chance.sample(range(1, unique), kills)):
            in_flight += killed_once_paid(begun, server, moment)
        result = lifecycle.run(lifecycle.reopen_unfinished(begun.scan_id))
        paid, usd = len(server.paid), server.usd

        assert server.unique == unique
    print(f"{kills} kills: {paid - unique} of {unique} paid twice, {in_flight} were in flight")
    assert result.answer_sha256 == undisturbed.answer_sha256
    assert result.coverage == 1.0
    assert paid - unique <= in_flight
    assert result.usd + result.in_doubt >= usd
    with Ledger() as ledger:
        [row] = ledger.costs("scan")
    assert (row.usd, row.in_doubt, row.open) == (result.usd, result.in_doubt, 0)


@SIZES
def test_a_bad_day_is_not_made_worse_by_calls_sent_again(size: str, tmp_path: Path) -> None:
    bad = {"rate_limited": 0.01, "stalled": 0.05, "stall": 30.0, "invalid": 0.005, "slots": 2_500}
    with vendor(tmp_path, latency=0.2, **bad) as server:
        result = lifecycle.run(lifecycle.begin(fleet(size, server, tmp_path, 2_000)))
        unique, usd = len({line.request for line in server.sent}), server.usd
    sent = result.calls_sent  # the vendor bills those that still stall when they end
    print(f"{sent} calls sent for {unique} requests: {sent / unique:.3f}")

    assert sent <= 1.10 * unique + 1
    assert result.usd >= usd
    assert result.coverage > 0.95


@SIZES
def test_an_outage_of_a_part_of_the_calls_is_weathered(size: str, tmp_path: Path) -> None:
    minute = 3.0 if size == "small" else 60.0
    with vendor(tmp_path, latency=0.2, outage=minute, outage_503=0.3, retry_after=0.5) as server:
        result = lifecycle.run(lifecycle.begin(fleet(size, server, tmp_path)))
        sent, unique = len(server.sent), len({line.request for line in server.sent})
        usd = server.usd
    print(f"{sent} calls sent for {unique} requests: {sent / unique:.3f}")

    assert sent <= 1.15 * unique + (20 if size == "small" else 0)
    assert result.usd == usd > Decimal(0)
    assert result.coverage > 0.9
