"""How long an order of a live session takes to the broker, its intent on disk before it leaves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import FactKind
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

SECONDS_TO_TRADING = 3.0


def test_an_order_reaches_the_broker_within_20_ms_and_trading_begins_within_3_s(tmp_path: Path):
    clock = AheadClock()
    with (
        SimulatedTws(clock=clock) as tws,
        LiveProcess(write_config(tmp_path, tws.port), clock) as live,
    ):
        ready = live.wait("ready")
        for number in range(1, ORDERS + 1):
            live.do("enter")
            live.wait("accepted", number, type="LIMIT")
            live.do("close", way="position")
            live.wait("canceled", number, type="STOP_MARKET")
            live.wait("canceled", number, type="LIMIT")
            time.sleep(A_PAUSE)
        sent = [one["began"] for one in live.events() if one["event"] == "sent"]
        placed = tws.control.received("PlaceOrderRequest")
        entries = [one for one in placed if one.body["order"]["orderType"] == "MKT"][::2]
        took = sorted(one.time - began for one, began in zip(entries, sent, strict=True))
        p50, p95 = took[ORDERS // 2], took[round(ORDERS * 0.95) - 1]
        print(f"\nsubmit to broker: p50 {p50 * 1e3:.2f} ms, p95 {p95 * 1e3:.2f} ms")
        print(f"process start to trading: {ready['at'] - live.began:.2f} s")
        assert len(live.facts(FactKind.ORDER)) == 4 * ORDERS
        assert p95 <= P95
        assert ready["at"] - live.began <= SECONDS_TO_TRADING
