"""A live session rolls its position into the next contract, step by step, at the simulated TWS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.engine.rolling.session_roller import roll_file
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.testing.tws import StillPrice
from tests.engine.broker.day.simulated_day import SimulatedDay
from tests.engine.broker.live_process import write_config

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)

ROLL = datetime(2026, 12, 18, 6, tzinfo=UTC)
"""Midnight in Chicago: MESH7 is current from now on."""

OLD, NEW = "MESZ6", "MESH7"


class Rolled:
    """A session that holds one MESZ6 just before the roll, and what was seen after each step."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.day = SimulatedDay(folder, ROLL - timedelta(seconds=60), StillPrice())
        self.folder = folder
        monkeypatch.setenv("QE_HOME", str(self.day.home))
        self.unprotected = 0
        self.day.on_step.append(self.look)

    def run(self, seconds: float) -> None:
        path = "tests.engine.broker.day.roll_trader:RollTrader"
        trader = {"path": path, "config": {"folder": str(self.folder)}}
        file = write_config(
            self.folder,
            self.day.tws.port,
            strategies={"driven": None, "trader": trader},
            broker={
                "contracts": [],
                "warm_up": 0,
                "no_entry": {"before_expiry": "0s", "before_roll": "0s"},
                "roll": {"with_position": True, "confirm_within": "300s"},
            },
        )
        (self.folder / "buy").write_text("MESZ6.XCME")
        self.day.run(file, ROLL + timedelta(seconds=seconds))

    def orders(self, symbol: str, kind: str = "") -> list[Any]:
        gateway = self.day.tws.server.gateway
        contract = gateway.futures.named(symbol).con_id
        return [
            one
            for one in gateway.book.open_orders()
            if one.con_id == contract and kind in ("", one.type)
        ]

    def net(self, symbol: str) -> int:
        return self.day.tws.control.net(symbol)

    def look(self) -> None:
        """Count the seconds in which something was held without one live stop."""
        held = [one for one in (OLD, NEW) if self.net(one)]
        stops = [len(self.orders(one, "STP")) for one in held]
        self.unprotected += stops != [1] * len(held)

    def rolls(self) -> list[Any]:
        with Journal.open() as journal:
            return journal.facts(self.day.run_ids[0], [FactKind.ROLL])


@pytest.fixture
def rolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rolled]:
    made = Rolled(tmp_path, monkeypatch)
    with made.day:
        yield made


@pytest.mark.long  # a busy machine is late for a clock that runs 36 times as fast
def test_a_position_is_rolled_under_one_stop_and_the_session_goes_on_in_the_next_contract(
    rolled: Rolled,
) -> None:
    before: list[tuple[int, float]] = []
    rolled.day.at(
        ROLL - timedelta(seconds=1),
        lambda: before.extend((rolled.net(OLD), one.stop) for one in rolled.orders(OLD, "STP")),
    )
    after: list[tuple[int, int, list[Any], list[Any]]] = []

    def leave() -> None:
        nets = rolled.net(OLD), rolled.net(NEW)
        after.append((*nets, rolled.orders(OLD), rolled.orders(NEW)))
        (rolled.folder / "leave").write_text("MESH7.XCME")

    rolled.day.at(ROLL + timedelta(seconds=30), leave)
    rolled.run(45)
    [(held, stop)], [(old, new, old_orders, exits)] = before, after
    assert (held, old, new, old_orders) == (1, 0, 1, [])
    assert sorted(one.type for one in exits) == ["LMT", "STP"]
    moved = next(one for one in exits if one.type == "STP")
    assert moved.stop == stop + 32  # what a quarter costs
    [close] = [one for one in rolled.day.tws.server.gateway.book.orders if one.type == "MKT"][-1:]
    assert close.fields["ocaGroup"] == moved.fields["ocaGroup"]  # known to the next session, too
    assert (rolled.net(NEW), rolled.orders(NEW)) == (0, [])
    assert rolled.unprotected <= 5
    assert len(rolled.day.run_ids) == 2
    [roll] = rolled.rolls()
    assert (roll.body["outcome"], roll.body["contracts"]) == ("rolled", "1")
    assert not roll_file("DU1234567").exists()
    assert HaltLatch.at_home().read() is None


@pytest.mark.long
def test_a_roll_whose_connection_is_lost_ends_with_one_stop_or_flat(rolled: Rolled) -> None:
    control = rolled.day.tws.control
    lost: list[float] = []

    def disconnect() -> None:
        if not lost and any(one.type == "MKT" for one in rolled.orders(OLD)):
            control.drop_connections(21)
            control.hold_fills(False)
            lost.append(rolled.day.clock.time)
        if lost and 21 not in control.clients():
            time.sleep(0.25)  # the node connects again in real seconds

    rolled.day.on_step.append(disconnect)
    rolled.day.at(ROLL - timedelta(seconds=1), control.hold_fills)
    rolled.run(150)
    assert lost
    assert (rolled.net(OLD), rolled.orders(OLD)) == (0, [])
    assert len(rolled.orders(NEW, "STP")) == rolled.net(NEW)
    assert rolled.rolls()[0].body["outcome"] in ("rolled", "flat")
