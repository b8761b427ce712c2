"""The roll of a session on an engine: the bracket is closed, opened and protected, step by step."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from qe_plugins import state_dir
from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.rolling.session_roller import SessionRoller
from qe_plugins.engine.running import backtest, build
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import RunError
from qe_plugins.halt.latch import HaltLatch
from tests.engine.conftest import CONTRACTS
from tests.engine.rolling import roll_traders
from tests.engine.rolling.test_rolled_strategy import NEW, OLD, RISING, write_tape

Roll = Callable[[type], BacktestResult]


@pytest.fixture
def rolled(tmp_path: Path, qe_contract: Any) -> Roll:
    """Return a function that runs a trader of roll_traders on two contracts."""
    write_tape(tmp_path / "tape", qe_contract, **RISING)

    def go(trader: type) -> BacktestResult:
        roll_traders.RollsItsBracket.halts.clear()
        roll_traders.RollsItsBracket.rollers.clear()
        path = f"{roll_traders.__name__}:{trader.__name__}"
        config = {
            "name": "a roll",
            "data": {"catalog": str(tmp_path / "tape")},
            "strategies": {"trader": {"path": path}},
            "contracts": CONTRACTS,
        }
        file = tmp_path / "run.yaml"
        file.write_text(yaml.safe_dump(config))
        return run(load(file))

    return go


def filled(outcome: BacktestResult) -> list[tuple[str, str, str]]:
    rows = outcome.fills.iter_rows(named=True)
    return [(row["instrument_id"], row["side"], str(row["quantity"])) for row in rows]


def working(outcome: BacktestResult) -> list[tuple[str, str, str]]:
    rows = outcome.orders.iter_rows(named=True)
    return [
        (row["instrument_id"], row["type"], str(row["trigger"] or row["price"]))
        for row in rows
        if row["status"] == "ACCEPTED"
    ]


def test_a_bracket_is_rolled_with_its_exits_moved_by_the_spread(rolled):
    outcome = rolled(roll_traders.RollsItsBracket)

    assert [(name, side) for name, side, _ in filled(outcome)] == [
        *((OLD, "BUY"), (OLD, "SELL"), (NEW, "BUY"))
    ]
    prices = {(name, kind): Decimal(price) for name, kind, price in working(outcome)}
    assert prices == {
        (NEW, "STOP_MARKET"): Decimal("4750.25"),
        (NEW, "LIMIT"): Decimal("4900.25"),
    }
    assert roll_traders.RollsItsBracket.halts == []
    assert not (state_dir.state_dir() / "sessions" / "roll.json").exists()


def test_a_roll_that_does_not_enter_ends_flat(rolled):
    outcome = rolled(roll_traders.OnlyCloses)

    assert [(name, side) for name, side, _ in filled(outcome)] == [(OLD, "BUY"), (OLD, "SELL")]
    assert working(outcome) == []


def test_an_entry_waits_while_the_broker_is_in_doubt(rolled):
    outcome = rolled(roll_traders.IsInDoubt)

    assert [(name, side) for name, side, _ in filled(outcome)] == [
        *((OLD, "BUY"), (OLD, "SELL"), (NEW, "BUY"))
    ]
    assert {kind for _, kind, _ in working(outcome)} == {"STOP_MARKET", "LIMIT"}


def test_a_roll_that_stays_in_doubt_ends_flat_and_needs_no_person(rolled):
    outcome = rolled(roll_traders.StaysInDoubt)

    assert [(name, side) for name, side, _ in filled(outcome)] == [(OLD, "BUY"), (OLD, "SELL")]
    assert working(outcome) == []
    assert roll_traders.RollsItsBracket.halts == []


def test_under_a_halt_the_old_contract_is_closed_and_the_new_one_is_not_opened(rolled, monkeypatch):
    with_latch = partial(build.build, latch=HaltLatch.at_home())
    monkeypatch.setattr(backtest, "build", with_latch)
    outcome = rolled(roll_traders.IsHaltedBefore)

    assert [(name, side) for name, side, _ in filled(outcome)] == [(OLD, "BUY"), (OLD, "SELL")]
    assert working(outcome) == []


def test_a_process_that_begins_again_after_every_event_sends_no_order_twice(rolled):
    calm = rolled(roll_traders.RollsItsBracket)
    restarted = rolled(roll_traders.RestartsInTheMiddle)

    assert len(roll_traders.RollsItsBracket.rollers) > 1
    assert filled(restarted) == filled(calm)[:2]
    ids = restarted.orders["client_order_id"].to_list()
    assert len(set(ids)) == len(ids)
    assert len(restarted.orders) <= len(calm.orders)
    long = sum(int(float(q)) * (1 if s == "BUY" else -1) for _, s, q in filled(restarted))
    assert 0 <= long <= 2


def test_a_state_that_cannot_be_read_halts_and_sends_nothing(tmp_path):
    file, halts = tmp_path / "roll.json", list[str]()
    file.write_text("{")

    with pytest.raises(RunError, match="cannot be read"):
        SessionRoller(None, file, halts.append).restore()
    assert halts == [f"the state of a roll cannot be read: {file}"]
