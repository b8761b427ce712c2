"""After a restart of the gateway a session goes on by itself: it knows its account, and enters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.testing.tws import StillPrice
from tests.engine.broker.day.simulated_day import SimulatedDay
from tests.engine.broker.live_process import write_config

pytestmark = [
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
    pytest.mark.long,
]

BEFORE = datetime(2026, 12, 1, 21, 55, tzinfo=UTC)
"""15:55 in Chicago: five minutes before the maintenance break."""


def ask_to_buy(folder: Path) -> None:
    (folder / "buy").write_text("MESZ6.XCME")


def test_a_session_enters_again_after_the_break_in_which_the_gateway_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedDay(tmp_path, BEFORE, StillPrice(), step=3.0) as day:
        monkeypatch.setenv("QE_HOME", str(day.home))
        path = "tests.engine.broker.day.roll_trader:RollTrader"
        trader = {"path": path, "config": {"folder": str(tmp_path)}}
        strategies = {"driven": None, "trader": trader}
        file = write_config(tmp_path, day.tws.port, strategies=strategies)
        day.at(BEFORE + timedelta(minutes=20), lambda: day.tws.control.restart(1.0))
        reopens = BEFORE + timedelta(minutes=66)
        day.at(reopens, lambda: ask_to_buy(tmp_path))
        day.run(file, reopens + timedelta(minutes=1))
        assert day.tws.control.net() == 1
