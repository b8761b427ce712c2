"""Closes by expiry and by margin at a broker: flat in the end, under the stop until they filled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.testing.tws import StillPrice
from tests.engine.broker.day.simulated_day import SimulatedDay
from tests.engine.broker.live_process import write_config

pytestmark = [
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
    pytest.mark.long,
]

OPEN = datetime(2026, 12, 1, 15, tzinfo=UTC)
LAST_TRADE = datetime(2026, 12, 18, 14, 30, tzinfo=UTC)
RELEASED = OPEN + timedelta(seconds=260)
"""When the broker fills again, after it has reported the account at least once."""


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedDay]:
    made = SimulatedDay(tmp_path, OPEN, StillPrice())
    monkeypatch.setenv("QE_HOME", str(made.home))
    with made:
        yield made


def held(day: SimulatedDay, **changes: Any) -> list[tuple[int, list[str]]]:
    """Hold one MESZ6 under its bracket for 290 s; return position and orders after each step."""
    path = "tests.engine.broker.day.roll_trader:RollTrader"
    trader = {"path": path, "config": {"folder": str(day.folder)}}
    strategies = {"driven": None, "trader": trader}
    file = write_config(day.folder, day.tws.port, strategies=strategies, **changes)
    (day.folder / "buy").write_text("MESZ6.XCME")
    control = day.tws.control
    seen: list[tuple[int, list[str]]] = []

    def look() -> None:
        seen.append((control.net(), sorted(one["type"] for one in control.open_orders())))

    day.on_step.append(look)
    day.at(OPEN + timedelta(seconds=30), control.hold_fills)
    day.at(RELEASED, lambda: control.hold_fills(False))
    day.run(file, OPEN + timedelta(seconds=290))
    return seen


def check(day: SimulatedDay, seen: list[tuple[int, list[str]]], why: str) -> None:
    entered = next(n for n, (net, _) in enumerate(seen) if net)
    filled = next(n for n, (net, _) in enumerate(seen) if n > entered and not net)
    assert all("STP" in orders for _, orders in seen[entered + 1 : filled])
    assert ["LMT", "MKT", "STP"] in [orders for _, orders in seen[entered:filled]]
    assert seen[-1] == (0, [])
    with Journal.open() as journal:
        closings = journal.facts(day.run_ids[0], [FactKind.CLOSING, FactKind.POSTURE])
        denied = journal.facts(day.run_ids[0], [FactKind.OUTCOME])
    assert any(why in str(one.body["reason"]) for one in closings)
    assert {one.body["status"] for one in denied} == {"FILLED", "CANCELED"}


def test_a_close_by_expiry_fills_under_the_stop(day: SimulatedDay) -> None:
    before = round((LAST_TRADE - OPEN).total_seconds()) - 60
    seen = held(day, expiry={"flat_before": f"{before}s"})
    check(day, seen, "closes +1 MESZ6.XCME")


def test_a_close_by_margin_fills_under_the_stop(day: SimulatedDay) -> None:
    def withdraw() -> None:
        day.tws.server.gateway.account.cash = 1_000.0

    day.at(OPEN + timedelta(seconds=40), withdraw)
    check(day, held(day), "the maintenance margin is")
