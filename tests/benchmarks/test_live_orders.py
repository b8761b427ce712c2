"""How long an order of a live session takes to the broker, its intent on disk before it leaves.

Beside each order, in the same second: one row committed by SQLite alone, and three facts by the
journal in this process. On a busy machine the limit is a multiple of the former.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.testing.tws import SimulatedTws
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
]

ORDERS = 40
P95 = 0.020
A_PAUSE = 0.2
"""Seconds between two trades: the broker takes 50 messages a second and drops the others."""

COMMITS = 3.0
"""An order may take so many plain commits where these alone are slower than P95."""

SECONDS_TO_TRADING = 3.0


def plain_commit(folder: Path) -> Callable[[int], float]:
    """Return a function that commits one row to disk, and returns the seconds that it took."""
    database = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE rows (number INTEGER)")

    def commit(number: int) -> float:
        began = time.perf_counter()
        database.execute("INSERT INTO rows VALUES (?)", (number,))
        return time.perf_counter() - began

    return commit


def journal_commit(folder: Path) -> Callable[[int], float]:
    """Return a function that appends the three intents of a bracket durably, as `plain_commit`."""
    journal = Journal.open(f"sqlite:///{folder / 'beside.sqlite'}")
    journal.open_run("beside", "beside", datetime.now(UTC))

    def commit(number: int) -> float:
        facts = [
            Fact(
                id=f"order:{number}-{leg}", kind=FactKind.ORDER, ts_event=number, source="benchmark"
            )
            for leg in range(3)
        ]
        began = time.perf_counter()
        journal.append("beside", facts)
        return time.perf_counter() - began

    return commit


def percentile(seconds: list[float], part: float) -> float:
    """Return the value that a part of the measurements does not exceed."""
    return sorted(seconds)[max(round(len(seconds) * part) - 1, 0)]


def test_an_order_reaches_the_broker_within_20_ms_and_trading_begins_within_3_s(tmp_path: Path):
    clock = AheadClock()
    plain, journal = plain_commit(tmp_path), journal_commit(tmp_path)
    beside: dict[str, list[float]] = {"one row by SQLite": [], "three facts by the journal": []}
    with (
        SimulatedTws(clock=clock) as tws,
        LiveProcess(write_config(tmp_path, tws.port), clock) as live,
    ):
        ready = live.wait("ready")
        for number in range(1, ORDERS + 1):
            live.do("enter", when_ready=True)
            live.wait("accepted", number, type="LIMIT")
            live.do("close", way="position")
            live.wait("canceled", number, type="STOP_MARKET")
            live.wait("canceled", number, type="LIMIT")
            beside["one row by SQLite"].append(plain(number))
            beside["three facts by the journal"].append(journal(number))
            time.sleep(A_PAUSE)
        sent = [one["began"] for one in live.events() if one["event"] == "sent"]
        placed = tws.control.received("PlaceOrderRequest")
        entries = [one for one in placed if one.body["order"]["orderType"] == "MKT"][::2]
        took = [one.time - began for one, began in zip(entries, sent, strict=True)]
        print()
        for what, seconds in {"submit to broker": took, **beside}.items():
            p50, p95 = percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.95) * 1e3
            print(f"{what}: p50 {p50:.2f} ms, p95 {p95:.2f} ms")
        print(f"process start to trading: {ready['at'] - live.began:.2f} s")
        assert len(live.facts(FactKind.ORDER)) == 4 * ORDERS
        limit = max(P95, COMMITS * percentile(beside["one row by SQLite"], 0.95))
        assert percentile(took, 0.95) <= limit
        assert ready["at"] - live.began <= SECONDS_TO_TRADING
