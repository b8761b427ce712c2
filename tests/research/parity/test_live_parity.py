"""A live session at the simulated TWS, and its rerun on what it recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from qe_plugins.engine.live import faked_clock
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.research.parity import messages
from qe_plugins.research.parity.check import check_parity
from qe_plugins.research.parity.recorded_session import RecordedSession, find_session
from qe_plugins.testing.tws import ScriptedPrices
from tests.engine.broker.day.simulated_day import SimulatedDay
from tests.engine.broker.live_process import write_config

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)

FOLLOWER = {
    "path": "tests.research.parity.live_follower:LiveFollower",
    "config": {"instrument_id": "MESZ26.XCME"},
}


OPEN = datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedSession]:
    """Return a session that entered above its average and was stopped out."""
    folder, began = tmp_path_factory.mktemp("live"), OPEN.timestamp()
    path = [(0.0, 6500.0), (began + 38, 6506.0), (began + 63, 6501.0)]
    with (
        pytest.MonkeyPatch.context() as patch,
        SimulatedDay(folder, OPEN, ScriptedPrices(path)) as day,
    ):
        patch.setenv("QE_HOME", str(day.home))
        strategies = {"driven": None, "follower": FOLLOWER}
        plugins: dict[str, Any] = {"dollar_risk": {}}
        file = write_config(folder, day.tws.port, strategies=strategies, plugins=plugins)
        day.run(file, OPEN + timedelta(seconds=90))
        assert len(day.tws.control.executions()) == 2
        yield find_session("last")


def test_a_live_session_that_traded_is_clean_on_what_it_was_warmed_up_with(
    traded: RecordedSession,
) -> None:
    found = check_parity(traded)
    assert found.clean, messages.rows(found)
    assert (found.counts["fill"], found.counts["trade"]) == (2, 1)
    histories = [one for one in traded.facts if one.kind is FactKind.WARM_UP]
    assert {len(one.body["bars"]) for one in histories} == {10}
    without = [one for one in traded.facts if one.kind is not FactKind.WARM_UP]
    assert not check_parity(msgspec.structs.replace(traded, facts=without)).clean


def test_a_bar_that_a_live_session_received_otherwise_is_red(traded: RecordedSession) -> None:
    entry = next(one for one in traded.facts if one.kind is FactKind.ORDER)
    before = max(one.ts_event for one in traded.bars if one.ts_event <= entry.ts_event)
    facts = [lower(one) if is_bar(one, before) else one for one in traded.facts]
    found = check_parity(msgspec.structs.replace(traded, facts=facts))
    assert not found.clean
    assert found.causes[0].following["fill"] > 0


def is_bar(fact: Fact, ts: int) -> bool:
    """Return whether a fact is that of the bar that closed at a time."""
    return fact.kind is FactKind.SNAPSHOT and fact.ts_event == ts


def lower(fact: Fact) -> Fact:
    """Return the fact of a bar that traded 8 points lower."""
    body = {
        key: value if key == "volume" else f"{float(value) - 8:.2f}"
        for key, value in fact.body.items()
    }
    return msgspec.structs.replace(fact, body=body)
