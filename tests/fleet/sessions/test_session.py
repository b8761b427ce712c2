"""A session is bounded in turns, money and time, and a tool's result is data to it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from qe_plugins.errors import ReplayMiss
from qe_plugins.fleet.sessions import SessionEnd, SessionOpening, run_session
from qe_plugins.fleet.settings import SessionLimits
from qe_plugins.fleet.tools import tools_of
from qe_plugins.llm.providers.base import Refusal
from qe_plugins.llm.requests import Usage
from qe_plugins.llm.tools import offered
from qe_plugins.plugins.types import Role
from tests.fleet.sessions.scripted import MODEL, Scripted, answer, calls, client, tool_context

WINDOW = {"instrument": "instrument A", "timeframe": "5m", "bars": 30}


class Said(msgspec.Struct):
    """An answer for tests."""

    side: str


@pytest.fixture
def session(small, tmp_path):
    """Return a function that runs a session of scripted turns."""

    def run(*turns, role=Role.HUNTER, limits=None, context=None, name="s-1", **more):
        model = Scripted(*turns)
        opening = SessionOpening(
            session=name,
            role=role,
            provider="anthropic",
            model=MODEL,
            system="You are asked.",
            prompt="Inputs:\n{}",
            answer_type=Said,
        )

        async def asked():
            async with client(model, tmp_path / "ledger.sqlite", name, **more) as opened:
                return await run_session(
                    opened,
                    opening,
                    tools_of(role),
                    context or tool_context(small()),
                    limits or SessionLimits(),
                )

        return asyncio.run(asked()), model

    return run


def test_tools_are_run_and_the_answer_is_typed(session):
    found, model = session(
        calls(("instruments", {})), calls(("features", WINDOW)), answer(side="long")
    )

    assert found.end is SessionEnd.ANSWERED
    assert found.answer == Said("long")
    assert [call.name for one in found.exchanges for call in one.calls] == [
        "instruments",
        "features",
    ]
    assert "momentum" in found.exchanges[1].results[0].content
    assert found.usd == sum((Decimal("0.00002") for _ in model.requests), Decimal(0))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("submit_order", {"side": "BUY"}), "there is no tool"),
        (("features", {"instrument": "instrument A"}), "timeframe"),
        (("features", WINDOW | {"bars": 100_000}), "bars"),
        (("features", WINDOW | {"instrument": "ESZ13"}), "unknown instrument"),
        (("features", WINDOW | {"quantity": 5}), "unknown field"),
        (("deploy", {"domains": ["breakout"]}), "no captains"),
    ],
)
def test_a_refused_call_is_a_result_the_model_can_mend(session, wanted, said):
    found, _ = session(calls(wanted), answer(side="long"))

    [result] = found.exchanges[0].results
    assert (found.end, found.tool_errors, result.error) == (SessionEnd.ANSWERED, 1, True)
    assert said in result.content


def test_a_model_that_never_answers_is_ended_after_its_turns(session):
    found, model = session(calls(("positions", {})), limits=SessionLimits(turns=4))

    assert (found.end, found.answer, found.turns) == (SessionEnd.TURNS, None, 4)
    assert [offered(one.tools).may_call for one in model.requests] == [True, True, True, False]
    assert "the same call" in found.exchanges[1].results[0].content


def test_without_money_for_another_turn_the_model_must_answer(session):
    limits = SessionLimits(usd=Decimal("0.0005"))

    found, model = session(answer(side="long"), limits=limits)

    assert found.end is SessionEnd.ANSWERED
    assert not offered(model.requests[0].tools).may_call


def test_a_session_over_its_budget_sends_nothing(session):
    found, model = session(answer(side="long"), usd=Decimal("0.000001"))

    assert (found.end, found.answer, model.requests) == (SessionEnd.BUDGET, None, [])


def test_a_refusal_ends_the_session_without_an_answer(session):
    found, _ = session(Refusal("I would rather not", usage=Usage(input=10, output=5)))

    assert (found.end, found.answer) == (SessionEnd.REFUSED, None)
    assert "rather not" in found.detail


def test_an_answer_of_the_wrong_type_is_asked_again_once_and_then_ends(session):
    found, model = session(answer(side=5))

    assert (found.end, found.answer, len(model.requests)) == (SessionEnd.INVALID, None, 2)


def test_a_session_repeated_pays_nothing_and_replays_without_a_model(session):
    turns = calls(("features", WINDOW)), answer(side="long")
    first, _ = session(*turns)

    again, model = session(*turns)
    replayed, silent = session(*turns, replay=True)

    assert (again.keys, again.answer) == (first.keys, first.answer)
    assert model.requests == silent.requests == []
    assert replayed.answer == first.answer


def test_a_replay_of_a_session_that_was_never_recorded_is_a_miss(session):
    session(answer(side="long"))

    with pytest.raises(ReplayMiss):
        session(answer(side="long"), name="s-2", replay=True)


def test_no_more_calls_are_run_than_a_turn_allows(session):
    windows = [("features", WINDOW | {"bars": 20 + n}) for n in range(5)]

    found, _ = session(calls(*windows), answer(side="long"), limits=SessionLimits(calls=2))

    assert [one.error for one in found.exchanges[0].results] == [False, False, True, True, True]
