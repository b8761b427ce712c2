"""A whole day with break, gateway restart, halt and roll: clean by parity, no more memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins.engine.live import faked_clock
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research.parity import messages
from qe_plugins.research.parity.check import check_parity
from qe_plugins.research.parity.recorded_session import find_session
from tests.engine.broker.day.simulated_day import MinuteWalk, SimulatedDay

pytestmark = [
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
]

EVE = datetime(2026, 12, 17, 14, tzinfo=UTC)
"""08:00 in Chicago on the day before the roll from MESZ6 to MESH7, which is at midnight."""

STEP = 3.0
"""Seconds of the simulated clock that the session takes at once: as often it asks the broker."""

ROLL = datetime(2026, 12, 18, 6, tzinfo=UTC)
RESTART = datetime(2026, 12, 17, 22, 15, tzinfo=UTC)
"""16:15 in Chicago, in the maintenance break."""


def write_day(folder: Path, port: int) -> Path:
    """Write `mes_paper.yaml` for a day on which limits of a day's losses do not end the trading."""
    config: dict[str, Any] = {
        "extends": str(Path("configs/live/mes_paper.yaml").resolve()),
        "broker": {"ib": {"port": port}, "no_entry": {"before_expiry": "1h"}},
        "slippage": {"limit_fills": "on_trade_through"},  # as the simulated exchange fills
        "plugins": {"guardian_limits": {"daily_loss": "5000 USD"}},
        "halt": {"daily_loss": "5000 USD"},
    }
    file = folder / "day.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def facts_of(run_id: str, *kinds: FactKind) -> list[Fact]:
    with Journal.open() as journal:
        return journal.facts(run_id, kinds or None)


def run_day(folder: Path, start: datetime, hours: float) -> tuple[SimulatedDay, float]:
    """Run a day; return it, and how many times real time it went."""
    latch = HaltLatch(folder / "home" / "halt.json")
    end = start + timedelta(hours=hours, seconds=30)  # no order is on its way then
    with SimulatedDay(folder, start, MinuteWalk(7), step=STEP) as day:
        day.at(RESTART, lambda: day.tws.control.restart(1.0))
        halts = start + timedelta(hours=hours / 6)
        day.at(halts, lambda: latch.set("a test", "person", by="ann"))
        day.at(halts + timedelta(hours=hours / 24), lambda: latch.clear("over", by="ann"))
        seconds = day.run(write_day(folder, day.tws.port), end)
        assert day.tws.control.net() == 0 or len(day.tws.control.open_orders()) == 2
    return day, hours * 3600 / seconds


def check(day: SimulatedDay, capsys: pytest.CaptureFixture[str], speed: float) -> None:
    """Print the figures; each session of the day must be clean by parity."""
    trades = 0
    for run_id, memory in zip(day.run_ids, day.memory, strict=True):
        found = check_parity(find_session(run_id))
        first, last = memory[min(6, len(memory) - 1)][1], memory[-1][1]
        trades += found.counts.get("trade", 0)
        with capsys.disabled():
            print(f"\n{messages.headline(found)}\n{messages.verdict(found)}")
            print(f"resident {memory[0][1]} MB, {first} MB, at the end {last} MB")
        assert found.clean, messages.rows(found)
        assert last <= 1.2 * first
    with capsys.disabled():
        print(f"{speed:.0f} times real time, {len(day.run_ids)} sessions, {trades} trades")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.long
def test_a_whole_day_is_clean_by_parity_and_takes_no_more_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day, speed = run_day(tmp_path, EVE, 24)
    assert len(day.run_ids) == 2
    check(day, capsys, speed)
    halts = facts_of(day.run_ids[0], FactKind.HALT)
    assert [one.body["reason"] for one in halts] == ["a test"]
