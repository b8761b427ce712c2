"""A fleet that is killed publishes no more postures: entries end with the last one, exits pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.roles import PersonLimits, RoleContext, run_role
from qe_plugins.fleet.roles.publishing import publish_posture
from qe_plugins.fleet.tasks.snapshot import MINUTE
from qe_plugins.plugins.types import Role
from qe_plugins.wall_clock import nanoseconds
from tests.fleet.conftest import document, market

KNOWN = 1_000
"""Minutes of the market that the fleet has seen."""


@pytest.fixture
def guarded(settings: Callable[..., Loaded]) -> Callable[[], BacktestResult]:
    """Return a function that runs a trader who buys at the first bar, sells at the eighth, and
    buys at the tenth, under the postures of the fleet."""
    trader = {"trader": {"path": "tests.engine.session_traders:ExitsAndEntersLater"}}
    plugins = {"guardian_fleet": {"postures": "small"}}
    more = {"risk": {"veto_timeout": "60s"}}  # a busy machine is no veto
    return lambda: run(settings(None, (4750,) * 14, strategies=trader, plugins=plugins, **more))


def guards(folder: Path, at: str, minutes: int) -> None:
    """Have GUARDIAN publish a posture at a time, valid for some minutes."""
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump(document()), encoding="utf-8")
    moment = nanoseconds(datetime.fromisoformat(f"2024-01-03T{at}").replace(tzinfo=UTC))
    context = RoleContext(
        loaded=load(file),
        market=market(minutes=KNOWN, start=moment - KNOWN * MINUTE),
        as_of=moment,
        limits=PersonLimits(validity=minutes * 60.0),
    )
    assert publish_posture("small", run_role(Role.GUARDIAN, context))


def test_a_fleet_that_goes_on_lets_its_session_enter_again(guarded, tmp_path):
    guards(tmp_path, "14:58", minutes=5)
    guards(tmp_path, "15:02", minutes=15)

    assert guarded().fills["side"].to_list() == ["BUY", "SELL", "BUY"]


def test_after_a_fleet_was_killed_its_session_leaves_and_enters_no_more(guarded, tmp_path):
    guards(tmp_path, "14:58", minutes=5)  # the last one: it expires while the session is long

    found = guarded()
    assert found.fills["side"].to_list() == ["BUY", "SELL"]
    assert found.orders["status"].to_list()[-1] == "DENIED"
    [veto] = found.vetoes.to_dicts()
    assert veto["plugin"] == "guardian_fleet"
    assert veto["reason"] == "no posture of the fleet small is in force"


def test_where_no_fleet_ever_guarded_nothing_is_entered(guarded):
    found = guarded()

    assert found.fills.height == 0
    assert set(found.vetoes["plugin"]) == {"guardian_fleet"}
