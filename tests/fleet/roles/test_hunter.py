"""HUNTER proposes what its tools showed, with prices, a horizon and an expiry from code."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec
import pytest

from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.roles import run_role
from qe_plugins.fleet.roles.context import RoleContext
from qe_plugins.fleet.roles.hunter import HuntAnswer, HuntedSignal, outcome
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.llm.tools import ToolCall, ToolExchange, ToolResult
from qe_plugins.plugins.types import Role, Side
from tests.fleet.conftest import market

FACTS = {"momentum": 1.5, "trend_t": 3.1, "place": 0.9}
PROPOSAL = HuntedSignal(
    instrument="instrument A",
    timeframe="5m",
    side="long",
    confidence=0.55,
    stop=3.0,
    reward=2.0,
    horizon=120,
    expires=15,
    reason="momentum 1.5 with trend_t 3.1",
)


@pytest.fixture
def context(small):
    """Return the state of a desk over a random market, where captains can be asked."""
    coordinators = [
        {
            "role": "HUNTER",
            "tasks": {"windows": {"timeframes": ["1m", "5m"], "bars": [20], "back": 6}},
            "captains": ["breakout", "mean_reversion"],
        }
    ]
    known = market(seed=3)
    loaded = small(coordinators=coordinators)
    return RoleContext(loaded=loaded, market=known, as_of=known.as_of)


def session_with(*signals):
    call = ToolCall("t1", "features", {"instrument": "instrument A", "timeframe": "5m"})
    result = ToolResult("t1", msgspec.json.encode(FACTS).decode())
    return SessionResult(
        session="s",
        role="HUNTER",
        end=SessionEnd.ANSWERED,
        answer=HuntAnswer(signals=list(signals)),
        exchanges=(ToolExchange((call,), (result,)),),
    )


def test_a_signal_has_its_prices_horizon_and_expiry_from_code(context):
    found = outcome(context, session_with(PROPOSAL))

    [signal] = found.signals
    assert signal.side is Side.LONG
    assert signal.stop < signal.entry < signal.target
    assert signal.entry % Decimal("0.25") == signal.stop % Decimal("0.25") == 0
    assert (signal.target - signal.entry) == 2 * (signal.entry - signal.stop)
    assert (signal.horizon, signal.expires) == (7_200.0, context.as_of + 900 * 10**9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": "momentum 1.9 with trend_t 3.1"}, "figures that no tool returned: 1.9"),
        ({"reason": "it rose 40 points"}, "figures that no tool returned: 40"),
        ({"timeframe": "1h"}, "no tool looked at 1h"),
        ({"instrument": "ESZ13.XCME"}, "no such instrument"),
    ],
)
def test_a_proposal_that_no_tool_supports_is_refused(context, change, said):
    found = outcome(context, session_with(msgspec.structs.replace(PROPOSAL, **change)))

    assert found.signals == ()
    assert said in found.refused[0].reason


def test_a_session_without_an_answer_proposes_nothing(context):
    silent = SessionResult(session="s", role="HUNTER", end=SessionEnd.BUDGET)

    assert outcome(context, silent).signals == ()


def test_a_hunt_offline_asks_its_captains_and_is_recorded_once(context):
    first = run_role(Role.HUNTER, context)
    again = run_role(Role.HUNTER, context)

    calls = [call.name for one in first.session.exchanges for call in one.calls]
    assert calls == ["features"] * 3 + ["deploy"]
    assert first.found == again.found
    assert (first.run_id, again.run_id) == (first.session.session, None)
    with Journal.open() as journal:
        kinds = [one.kind for one in journal.facts(first.run_id)]
    assert kinds[:2] == ["run", "decision"]
    with Outbox() as bus:
        assert len(bus.read(scan=first.session.session)) == (1 if first.found.signals else 0)


def test_no_request_of_a_hunt_shows_a_price_or_a_name(context):
    found = run_role(Role.HUNTER, context)

    with Ledger() as ledger:
        texts = [ledger.request(key) for key in found.session.keys]
    whole = " ".join(f"{one.prompt} {one.exchanges} {one.system}" for one in texts)
    level = context.market.bars("MESH24.XCME", "1m").close[-1]
    numbers = [abs(float(one)) for one in re.findall(r"-?\d+(?:\.\d+)?", whole)]
    assert [one for one in numbers if 0.8 < one / level < 1.25] == []
    assert "MES" not in whole
